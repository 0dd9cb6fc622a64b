// Power cuts at every commit of tokens.
#include <map>
#include <random>
#include <set>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/token_suite.h"

namespace cairn::maintenance {
namespace {

class TokenCrashTest : public ::testing::Test {
 protected:
  // What was answered, and so must hold.
  struct Promises {
    std::map<std::string, std::string> active;  // texts by name
    std::set<std::string> revoked;              // texts
  };

  static absl::Status Create(TokenSuite& suite, Promises& promises,
                             const std::string& name) {
    const auto created = suite.book->Create(suite.call, suite.Request(name));
    if (created.ok()) promises.active[name] = created->text;
    return created.status();
  }
  static absl::Status Revoke(TokenSuite& suite, Promises& promises,
                             const std::string& name) {
    const std::string text = promises.active.at(name);
    // Unknown outcome until it is answered.
    promises.active.erase(name);
    const auto revoked = suite.book->Revoke(suite.call, {.name = name});
    if (revoked.ok()) promises.revoked.insert(text);
    return revoked.status();
  }

  // Every kind of change; stops at the first error.
  static absl::Status RunScript(TokenSuite& suite, Promises& promises) {
    struct Step {
      bool creates;
      const char* name;
    };
    // With the last revocation the one that ended first is dropped.
    constexpr Step kSteps[] = {{true, "a"},  {true, "b"},  {false, "a"},
                               {true, "a"},  {false, "b"}, {true, "c"},
                               {false, "a"}, {true, "a"}};
    for (const Step& step : kSteps) {
      suite.clock.Advance(absl::Seconds(1));
      const absl::Status status = step.creates
                                      ? Create(suite, promises, step.name)
                                      : Revoke(suite, promises, step.name);
      if (!status.ok()) return status;
    }
    return absl::OkStatus();
  }

  static void CheckPromises(TokenSuite& suite, const Promises& promises) {
    for (const auto& [name, text] : promises.active) {
      ASSERT_OK_AND_ASSIGN(const Caller caller, suite.book->Find(text));
      EXPECT_EQ(caller.principal, absl::StrCat(name, "@token"));
    }
    for (const std::string& text : promises.revoked) {
      EXPECT_THAT(suite.book->Find(text),
                  StatusIs(absl::StatusCode::kUnauthenticated));
    }
    EXPECT_LE(suite.book->Count(TokenState::kRevoked), 2u);
  }

  std::mt19937_64 random_{TestSeed()};
};

TEST_F(TokenCrashTest, PromisesOutliveAPowerCutAtEveryCommit) {
  bool completed = false;
  int cuts = 0;
  for (uint64_t nth = 1; !completed; ++nth) {
    ASSERT_LT(nth, 100u);
    SCOPED_TRACE(absl::StrCat("power fails at commit ", nth));
    TokenSuite suite;
    suite.options.retention.max_ended = 2;
    ASSERT_OK(suite.Start());
    suite.kv.FailCommitsFrom(nth, absl::UnavailableError("no power"));
    Promises promises;
    completed = RunScript(suite, promises).ok();
    cuts += completed ? 0 : 1;
    suite.book.reset();
    suite.kv.PowerCut(random_);
    suite.kv.Recover();
    ASSERT_OK(suite.Start());
    CheckPromises(suite, promises);
  }
  EXPECT_EQ(cuts, 8);
}

TEST_F(TokenCrashTest, WhatIsAnsweredIsSynced) {
  TokenSuite suite;
  ASSERT_OK(suite.Start());
  ASSERT_OK(suite.book->Create(suite.call, suite.Request("a")));
  EXPECT_EQ(suite.kv.synced_commit_count(), 1u);
  ASSERT_OK(suite.book->Revoke(suite.call, {.name = "a"}));
  EXPECT_EQ(suite.kv.synced_commit_count(), 2u);
  EXPECT_EQ(suite.kv.commit_count(), 2u);
}

TEST_F(TokenCrashTest, RowsThatCannotBeReadAreDataLoss) {
  TokenSuite suite;
  KvBatch batch;
  batch.Put(0, "key", "\xff");
  ASSERT_OK(suite.kv.Commit(batch, Durability::kSynced));
  EXPECT_THAT(suite.Start(), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace cairn::maintenance
