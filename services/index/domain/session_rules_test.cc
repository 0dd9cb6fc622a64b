#include "services/index/domain/session_rules.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;
constexpr auto kPrecondition = absl::StatusCode::kFailedPrecondition;

TEST(SessionRulesTest, CallsGoOnOnlyInAnOpenSessionAboveTheFence) {
  struct Case {
    SessionState state;
    uint64_t epoch;
    uint64_t fence;
    SessionState derived;
    const char* reason;  // null: the call goes on
  };
  const Case cases[] = {
      {SessionState::kOpen, 5, 0, SessionState::kOpen, nullptr},
      {SessionState::kOpen, 5, 5, SessionState::kOpen, nullptr},
      {SessionState::kOpen, 5, 6, SessionState::kFenced,
       reason::kSessionFenced},
      {SessionState::kPublished, 5, 5, SessionState::kPublished,
       reason::kSessionEnded},
      {SessionState::kPublished, 5, 6, SessionState::kPublished,
       reason::kSessionEnded},
      {SessionState::kAborted, 5, 6, SessionState::kAborted,
       reason::kSessionEnded},
  };
  for (const Case& one : cases) {
    SessionRow row;
    row.state = one.state;
    row.epoch = one.epoch;
    EXPECT_EQ(DeriveState(row, one.fence), one.derived);
    const absl::Status status =
        CheckSessionOpen({}, row, {.epoch = one.epoch}, one.fence);
    if (one.reason == nullptr) {
      EXPECT_OK(status);
    } else {
      EXPECT_THAT(status, HasReasonCode(one.reason));
    }
  }
}

TEST(SessionRulesTest, AFencedCallIsAbortedAndAnEndedOneAPrecondition) {
  SessionRow row;
  row.epoch = 5;
  EXPECT_THAT(CheckSessionOpen({}, row, {.epoch = 5}, 6),
              StatusIs(absl::StatusCode::kAborted));
  row.state = SessionState::kPublished;
  EXPECT_THAT(CheckSessionOpen({}, row, {.epoch = 5}, 6),
              StatusIs(kPrecondition));
}

TEST(SessionRulesTest, AnotherEpochIsAnotherSession) {
  SessionRow row;
  row.epoch = 5;
  EXPECT_THAT(CheckSessionOpen({}, row, {.epoch = 6}, 0), StatusIs(kInvalid));
}

ArchiveCheckpoint Example() {
  ArchiveCheckpoint checkpoint;
  checkpoint.name = "disk.img";
  checkpoint.kind = ArchiveKind::kImage;
  checkpoint.chunker = {.name = "fixed-v1",
                        .min_bytes = 4096,
                        .average_bytes = 4096,
                        .max_bytes = 4096};
  checkpoint.durable_bytes = 8192;
  checkpoint.builder_state = "state";
  checkpoint.stored_bytes = 100;
  checkpoint.revision = 3;
  return checkpoint;
}

ArchiveCheckpoint CompleteExample() {
  ArchiveCheckpoint checkpoint = Example();
  checkpoint.builder_state.clear();
  checkpoint.root = PageRoot{.size_bytes = 8192, .chunk_count = 2};
  return checkpoint;
}

struct Change {
  std::string expected;  // part of the error's text; empty: allowed
  std::function<void(ArchiveCheckpoint&)> change;
};

TEST(SessionRulesTest, CheckpointsOnlyAdvance) {
  const std::vector<Change> changes = {
      {"", [](auto&) {}},
      {"", [](auto& c) { c.durable_bytes += 4096; }},
      {"", [](auto& c) { c = CompleteExample(); }},
      {"durable_bytes", [](auto& c) { c.durable_bytes -= 1; }},
      // What was stored anew depends on who stored it first.
      {"", [](auto& c) { c.stored_bytes -= 1; }},
      {"kind", [](auto& c) { c.kind = ArchiveKind::kStream; }},
      {"chunker", [](auto& c) { c.chunker.max_bytes *= 2; }},
      {"chunker", [](auto& c) { c.chunker.name.clear(); }},
      {"chunker", [](auto& c) { c.chunker.name = std::string(33, 'c'); }},
      {"chunker", [](auto& c) { c.chunker.min_bytes = 0; }},
      {"builder_state",
       [](auto& c) { c.builder_state = std::string((1 << 20) + 1, 's'); }},
      {"durable_bytes", [](auto& c) { c.durable_bytes = ~uint64_t{0}; }},
      {"builder_state",
       [](auto& c) {
         c = CompleteExample();
         c.builder_state = "s";
       }},
      {"complete with",
       [](auto& c) {
         c = CompleteExample();
         c.root->size_bytes += 1;
       }},
  };
  for (const Change& change : changes) {
    ArchiveCheckpoint next = Example();
    change.change(next);
    next.revision = 4;
    const absl::Status status = CheckCheckpoint(Example(), next);
    if (change.expected.empty()) {
      EXPECT_OK(status);
    } else {
      EXPECT_THAT(status, StatusIs(kInvalid, HasSubstr(change.expected)));
    }
  }
}

TEST(SessionRulesTest, ACompleteArchiveNeverChanges) {
  const ArchiveCheckpoint complete = CompleteExample();
  EXPECT_OK(CheckCheckpoint(complete, complete));
  ArchiveCheckpoint other = Example();
  other.revision = 4;
  EXPECT_THAT(CheckCheckpoint(complete, other), StatusIs(kInvalid));
  ArchiveCheckpoint longer = complete;
  longer.durable_bytes = longer.root->size_bytes = 12288;
  longer.revision = 4;
  EXPECT_THAT(CheckCheckpoint(complete, longer), StatusIs(kInvalid));
  // Another stream of the same bytes has completed it.
  ArchiveCheckpoint again = complete;
  again.stored_bytes = 0;
  for (const uint64_t revision : {2, 3, 4}) {
    again.revision = revision;
    EXPECT_OK(CheckCheckpoint(complete, again));
  }
}

TEST(SessionRulesTest, ACheckpointFollowsTheLastOne) {
  EXPECT_OK(CheckCheckpoint(Example(), Example()));
  ArchiveCheckpoint next = Example();
  next.durable_bytes += 4096;
  for (const uint64_t revision : {0, 2, 3, 5}) {
    next.revision = revision;
    const absl::Status status = CheckCheckpoint(Example(), next);
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kOutOfRange));
    EXPECT_THAT(status, HasReasonCode(reason::kOffsetMismatch));
    EXPECT_THAT(CheckCheckpoint(CompleteExample(), next),
                HasReasonCode(reason::kOffsetMismatch));
  }
  next.revision = 2;
  EXPECT_THAT(CheckCheckpoint(std::nullopt, next),
              HasReasonCode(reason::kOffsetMismatch));
  // Equal length, other content.
  next = Example();
  next.builder_state = "other";
  EXPECT_THAT(CheckCheckpoint(Example(), next),
              HasReasonCode(reason::kOffsetMismatch));
}

TEST(SessionRulesTest, AFirstCheckpointNeedsAName) {
  ArchiveCheckpoint checkpoint = Example();
  checkpoint.revision = 1;
  EXPECT_OK(CheckCheckpoint(std::nullopt, checkpoint));
  checkpoint.name = "../up";
  EXPECT_THAT(CheckCheckpoint(std::nullopt, checkpoint), StatusIs(kInvalid));
}

std::vector<ArchiveCheckpoint> TwoArchives() {
  std::vector<ArchiveCheckpoint> archives(2, CompleteExample());
  archives[0].name = "a";
  archives[1].name = "c";
  return archives;
}

TEST(SessionRulesTest, PublishesExactlyTheArchivesThatAreNamed) {
  EXPECT_OK(CheckPublishable(TwoArchives(), {{"c", 8192}, {"a", 8192}}));
  for (const std::vector<ExpectedSize>& expected :
       {std::vector<ExpectedSize>{{"a", 8192}},
        {{"c", 8192}},
        {{"a", 8192}, {"b", 8192}, {"c", 8192}},
        {{"a", 8192}, {"d", 8192}},
        {{"a", 8192}, {"c", 8192}, {"d", 1}},
        {{"a", 8192}, {"c", 8191}}}) {
    EXPECT_THAT(CheckPublishable(TwoArchives(), expected),
                StatusIs(kPrecondition));
  }
  EXPECT_THAT(CheckPublishable(TwoArchives(), {}), StatusIs(kInvalid));
  EXPECT_THAT(CheckPublishable(TwoArchives(), {{"a", 8192}, {"a", 8192}}),
              StatusIs(kInvalid));
  EXPECT_THAT(
      CheckPublishable(TwoArchives(), std::vector<ExpectedSize>(257, {"a", 1})),
      StatusIs(kInvalid));
}

TEST(SessionRulesTest, AnOpenArchiveKeepsASessionFromBeingPublished) {
  std::vector<ArchiveCheckpoint> archives = TwoArchives();
  archives[1].root.reset();
  const absl::Status status =
      CheckPublishable(archives, {{"a", 8192}, {"c", 8192}});
  EXPECT_THAT(status, StatusIs(kPrecondition, HasSubstr("archive c")));
  EXPECT_THAT(status, HasReasonCode(reason::kArchiveOpen));
}

TEST(SessionRulesTest, RowsArePurgedAWeekAfterTheirEnd) {
  const absl::Time start = absl::FromUnixSeconds(1795293585);
  SessionRow row;
  row.epoch = 5;
  row.open_time = start;
  // Open: never, unless fenced.
  EXPECT_FALSE(MayPurge(row, 5, start + absl::Hours(24 * 365)));
  EXPECT_TRUE(MayPurge(row, 6, start + kEndedSessionTime));
  EXPECT_FALSE(MayPurge(row, 6, start + kEndedSessionTime - absl::Seconds(1)));
  row.state = SessionState::kPublished;
  row.end_time = start + absl::Hours(1);
  EXPECT_FALSE(MayPurge(row, 5, start + kEndedSessionTime));
  EXPECT_TRUE(MayPurge(row, 5, start + absl::Hours(1) + kEndedSessionTime));
}

TEST(SessionRulesTest, ARowIsKeptUntilItsManifestIsCancelled) {
  const absl::Time start = absl::FromUnixSeconds(1795293585);
  const absl::Time later = start + absl::Hours(24 * 365);
  SessionRow row;
  row.epoch = 5;
  row.open_time = start;
  row.publish_sequence = 7;
  // Open: it may publish still.
  EXPECT_FALSE(IsUncancelled(row, 5));
  EXPECT_TRUE(IsUncancelled(row, 6));
  EXPECT_FALSE(MayPurge(row, 6, later));
  row.end_time = start;
  row.state = SessionState::kAborted;
  EXPECT_TRUE(IsUncancelled(row, 5));
  EXPECT_FALSE(MayPurge(row, 5, later));
  row.cancel_sequence = 8;
  EXPECT_FALSE(IsUncancelled(row, 5));
  EXPECT_TRUE(MayPurge(row, 5, later));
  // A published manifest is never cancelled.
  row.cancel_sequence = 0;
  row.state = SessionState::kPublished;
  EXPECT_FALSE(IsUncancelled(row, 6));
  EXPECT_TRUE(MayPurge(row, 6, later));
  // Nothing was prepared.
  row.state = SessionState::kAborted;
  row.publish_sequence = 0;
  EXPECT_FALSE(IsUncancelled(row, 5));
}

}  // namespace
}  // namespace cairn::index
