#include <memory>
#include <random>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/catalog.h"
#include "common/testing/fake_clock.h"
#include "common/testing/status_matchers.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class CatalogFiguresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock_, random_));
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         index_->client().GetDatastore({}, "default"));
    ref_ = datastore.ref;
  }

  int64_t Ago(absl::Duration age) {
    return absl::ToUnixSeconds(clock_.Now() - age);
  }

  // A group as a publish leaves it; of no listed snapshot if `newest` is 0.
  void AddGroup(const std::string& id, int64_t newest) {
    IndexBatch batch(ref_.uuid);
    batch.PutGroup(TestGroup(id),
                   {.owner = "ann@tls",
                    .newest_time = newest,
                    .listed_count = newest == 0 ? uint64_t{0} : uint64_t{1},
                    .newest_listed_time = newest});
    ASSERT_OK(IndexStore(&index_->kv()).Commit(batch, Durability::kBuffered));
  }

  std::string Shown() {
    EXPECT_OK(index_->engine().figures().Show());
    return index_->registry().Text();
  }

  static std::string Line(const std::string& name, int64_t value) {
    return absl::StrCat("\n", name, "{datastore=\"default\"} ", value, "\n");
  }
  static std::string Groups(const std::string& state, int count) {
    return absl::StrCat("cairn_backup_groups{datastore=\"default\",state=\"",
                        state, "\"} ", count, "\n");
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  std::unique_ptr<InMemoryIndex> index_;
  DatastoreRef ref_;
};

TEST_F(CatalogFiguresTest, AnEmptyDatastoreHasAllSeriesAt0) {
  const std::string text = Shown();
  for (const char* name : {"cairn_backup_last_success_timestamp_seconds",
                           "cairn_backup_oldest_success_timestamp_seconds",
                           "cairn_backup_last_attempt_timestamp_seconds",
                           "cairn_gc_cut_lag_seconds"}) {
    EXPECT_THAT(text, HasSubstr(Line(name, 0)));
  }
  EXPECT_THAT(text, HasSubstr(Groups("recent", 0)));
  EXPECT_THAT(text, HasSubstr(Groups("late", 0)));
}

TEST_F(CatalogFiguresTest, TellsOfTheGroupThatHasWaitedLongest) {
  AddGroup("a", Ago(absl::Hours(1)));
  AddGroup("b", Ago(absl::Hours(30)));
  AddGroup("c", Ago(absl::Hours(25)));
  AddGroup("forgotten", 0);
  std::string text = Shown();
  EXPECT_THAT(text, HasSubstr(Groups("recent", 2)));
  EXPECT_THAT(text, HasSubstr(Groups("late", 1)));
  // A time as Prometheus writes it: of ten digits.
  EXPECT_THAT(text,
              HasSubstr(Line("cairn_backup_last_success_timestamp_seconds",
                             Ago(absl::Hours(1)))));
  EXPECT_THAT(text,
              HasSubstr(Line("cairn_backup_oldest_success_timestamp_seconds",
                             Ago(absl::Hours(30)))));
  clock_.Advance(absl::Hours(2));
  text = Shown();
  EXPECT_THAT(text, HasSubstr(Groups("recent", 1)));
  EXPECT_THAT(text, HasSubstr(Groups("late", 2)));
}

TEST_F(CatalogFiguresTest, TellsHowLongTheOldestSessionIsOpen) {
  std::mt19937_64 random(2);
  const auto open = [&](const std::string& group) {
    return index_->client().OpenSession(
        {}, NewTestSession(ref_, TestGroup(group), 1, random));
  };
  ASSERT_OK_AND_ASSIGN(const Session first, open("a"));
  const int64_t attempt = Ago(absl::ZeroDuration());
  clock_.Advance(absl::Seconds(100));
  EXPECT_THAT(Shown(), HasSubstr(Line("cairn_gc_cut_lag_seconds", 100)));
  EXPECT_THAT(
      Shown(),
      HasSubstr(Line("cairn_backup_last_attempt_timestamp_seconds", attempt)));
  ASSERT_OK(open("b"));
  clock_.Advance(absl::Seconds(10));
  EXPECT_THAT(Shown(), HasSubstr(Line("cairn_gc_cut_lag_seconds", 110)));
  ASSERT_OK(index_->client().AbortSession({}, first.ref));
  EXPECT_THAT(Shown(), HasSubstr(Line("cairn_gc_cut_lag_seconds", 10)));
  EXPECT_THAT(Shown(),
              HasSubstr(Line("cairn_backup_last_attempt_timestamp_seconds",
                             attempt + 100)));
}

TEST_F(CatalogFiguresTest, CountsWhatAFenceOvertakes) {
  std::mt19937_64 random(2);
  ASSERT_OK(index_->client().OpenSession(
      {}, NewTestSession(ref_, TestGroup("a"), 1, random)));
  EXPECT_THAT(Shown(), HasSubstr("\ncairn_sessions_open 1\n"));
  ASSERT_OK(index_->client().RaiseFence({}, ref_, 2, 1));
  const std::string text = Shown();
  EXPECT_THAT(text, HasSubstr("\ncairn_sessions_open 0\n"));
  EXPECT_THAT(text, HasSubstr("\ncairn_sessions_fenced_total 1\n"));
  EXPECT_FALSE(index_->client().RaiseFence({}, ref_, 2, 0).ok());
  EXPECT_THAT(Shown(),
              HasSubstr("cairn_fence_rejections_total{kind=\"sweep\"} 1\n"));
}

}  // namespace
}  // namespace cairn::index
