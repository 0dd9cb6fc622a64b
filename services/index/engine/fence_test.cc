// The fence: no session below it changes anything, whatever happens between.

#include "services/index/engine/fence.h"

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"

namespace cairn::index {
namespace {

class FenceTest : public ::testing::Test {
 protected:
  FenceTest() : random_(TestSeed()), archive_(BuildArchive("a.img", 20, 1)) {}

  void SetUp() override {
    std::mt19937_64 random(1);
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock_, random));
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         client().GetDatastore({}, "default"));
    ref_ = datastore.ref;
  }
  LocalIndexClient& client() { return index_->client(); }

  NewSession Opened(const std::string& group, uint64_t epoch) {
    NewSession request = NewTestSession(ref_, TestGroup(group), epoch, random_);
    EXPECT_OK(client().OpenSession({}, request));
    return request;
  }

  FakeClock clock_;
  std::mt19937_64 random_;
  const BuiltArchive archive_;
  std::unique_ptr<InMemoryIndex> index_;
  DatastoreRef ref_;
};

TEST_F(FenceTest, HoldsAfterARestart) {
  const NewSession old = Opened("web1", 5);
  ASSERT_OK(PutArchive(client(), old.ref, archive_));
  ASSERT_OK_AND_ASSIGN(
      const PreparedPublish prepared,
      client().PreparePublish({}, old.ref, RequestFor({archive_})));
  ASSERT_OK(client().RaiseFence({}, ref_, 6, 1));
  for (int round = 0; round < 5; ++round) {
    ASSERT_OK(index_->Restart(random_));
    EXPECT_THAT(client().CommitPublish({}, old.ref, prepared.sequence),
                HasReasonCode(reason::kSessionFenced));
    EXPECT_THAT(client().PutPages({}, old.ref, archive_.pages),
                HasReasonCode(reason::kSessionFenced));
    EXPECT_THAT(client().SaveCheckpoint({}, old.ref, archive_.checkpoint, 0),
                HasReasonCode(reason::kSessionFenced));
    ASSERT_OK_AND_ASSIGN(const FenceState state, client().GetFence({}, ref_));
    EXPECT_EQ(state.fence, 6u);
    EXPECT_EQ(state.highest_token, 1u);
    EXPECT_EQ(state.highest_epoch, 5u);
  }
}

TEST_F(FenceTest, IsDurableBeforeItIsAnswered) {
  const uint64_t synced = index_->kv().synced_commit_count();
  ASSERT_OK(client().RaiseFence({}, ref_, 6, 1));
  EXPECT_EQ(index_->kv().synced_commit_count(), synced + 1);
  // Nothing new, nothing to write.
  ASSERT_OK(client().RaiseFence({}, ref_, 5, 1));
  EXPECT_EQ(index_->kv().synced_commit_count(), synced + 1);
}

TEST_F(FenceTest, StaysWhereItWasIfItsCommitFails) {
  const NewSession session = Opened("web1", 5);
  index_->kv().FailCommitsFrom(1, absl::UnavailableError("disk is gone"));
  EXPECT_THAT(client().RaiseFence({}, ref_, 6, 1),
              StatusIs(absl::StatusCode::kUnavailable));
  ASSERT_OK(index_->Restart(random_));
  EXPECT_OK(PutArchive(client(), session.ref, archive_));
}

TEST_F(FenceTest, KeepsTheTouchesOfSessionsThatMayPublish) {
  const NewSession session = Opened("web1", 7);
  ASSERT_OK(PutArchive(client(), session.ref, archive_));
  ASSERT_OK(client().RaiseFence({}, ref_, 7, 1));
  EXPECT_OK(client().PreparePublish({}, session.ref, RequestFor({archive_})));
}

TEST_F(FenceTest, NothingOfASessionLandsAfterTheFenceWasAnswered) {
  // Many sessions publish while the fence rises: a publish is answered OK
  // before the fence is, or never becomes visible.
  constexpr int kSessions = 60;
  std::vector<NewSession> requests;
  std::vector<uint64_t> sequences;
  for (int i = 0; i < kSessions; ++i) {
    requests.push_back(Opened(std::to_string(i), 5));
    ASSERT_OK(PutArchive(client(), requests.back().ref, archive_));
    ASSERT_OK_AND_ASSIGN(const PreparedPublish prepared,
                         client().PreparePublish({}, requests.back().ref,
                                                 RequestFor({archive_})));
    sequences.push_back(prepared.sequence);
  }
  std::atomic<int> published = 0;
  absl::Notification some_are_published;
  ASSERT_OK_AND_ASSIGN(auto writer, ThreadPoolExecutor::Create({.threads = 1}));
  ASSERT_OK(writer->Schedule([&] {
    for (int i = 0; i < kSessions; ++i) {
      const auto index = static_cast<size_t>(i);
      const auto snapshot =
          client().CommitPublish({}, requests[index].ref, sequences[index]);
      if (snapshot.ok()) {
        if (++published == kSessions / 3) some_are_published.Notify();
      } else {
        EXPECT_THAT(snapshot, HasReasonCode(reason::kSessionFenced));
      }
    }
  }));
  some_are_published.WaitForNotification();
  ASSERT_OK(client().RaiseFence({}, ref_, 6, 1));
  ASSERT_OK_AND_ASSIGN(
      const auto at_the_fence,
      client().ListSnapshots({}, {.parent = TestGroup("x").parent}, {}));
  writer->Shutdown();
  ASSERT_OK_AND_ASSIGN(
      const auto at_the_end,
      client().ListSnapshots({}, {.parent = TestGroup("x").parent}, {}));
  EXPECT_EQ(at_the_fence.items.size(), at_the_end.items.size());
  EXPECT_EQ(at_the_end.items.size(), static_cast<size_t>(published));
}

}  // namespace
}  // namespace cairn::index
