#include "services/maintenance/domain/job_rules.h"

#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kInvalid = absl::StatusCode::kInvalidArgument;
using Kind = DueDecision::Kind;

absl::Time At(std::string_view text) {
  absl::Time time;
  std::string error;
  EXPECT_TRUE(absl::ParseTime("%Y-%m-%d %H:%M:%S", text, &time, &error))
      << text << ": " << error;
  return time;
}

Job MakeJob(std::string schedule = "02:00") {
  Job job;
  job.id = "nightly";
  job.datastore = "main";
  job.kind = TaskKind::kPrune;
  job.schedule = std::move(schedule);
  job.comment = "keep two weeks";
  return job;
}

Uuid Id(uint8_t n) {
  Uuid id;
  id.bytes[15] = n;
  return id;
}

// A job as the scheduler would drive it, with a clock that may be set.
class JobRulesTest : public ::testing::Test {
 protected:
  DueDecision Decide(absl::Time now, bool running = false) {
    const auto decision = DecideDue(job_, state_, now, running);
    EXPECT_OK(decision);
    return decision.ok() ? *decision : DueDecision{};
  }
  // One round; true if it started a run.
  bool Round(absl::Time now) {
    const DueDecision decision = Decide(now);
    if (decision.kind == Kind::kClockWentBack) {
      state_ = RestartSchedule(state_, now);
    }
    if (decision.kind != Kind::kDue) return false;
    state_ = StateAfterStart(state_, Id(1), now);
    return true;
  }
  // How many runs start if the clock goes from `from` to `to` in steps of a
  // round.
  int Rounds(absl::Time from, absl::Time to) {
    int runs = 0;
    for (absl::Time now = from; now <= to; now += absl::Seconds(10)) {
      runs += Round(now) ? 1 : 0;
    }
    return runs;
  }

  Job job_ = MakeJob();
  JobState state_ = NewJobState(At("2026-01-01 12:00:00"));
};

TEST_F(JobRulesTest, ANewJobIsNotDueAtOnce) {
  const DueDecision decision = Decide(At("2026-01-01 12:00:00"));
  EXPECT_EQ(decision.kind, Kind::kNotDue);
  EXPECT_EQ(decision.event, At("2026-01-02 02:00:00"));
  EXPECT_EQ(Decide(At("2026-01-02 01:59:59")).kind, Kind::kNotDue);
}

TEST_F(JobRulesTest, DueWhenTheEventHasCome) {
  const DueDecision decision = Decide(At("2026-01-02 02:00:00"));
  EXPECT_EQ(decision.kind, Kind::kDue);
  EXPECT_EQ(decision.event, At("2026-01-02 02:00:00"));
}

TEST_F(JobRulesTest, FiresOnceAnEvent) {
  EXPECT_EQ(Rounds(At("2026-01-01 12:00:00"), At("2026-01-04 12:00:00")), 3);
}

TEST_F(JobRulesTest, MissedRunsCollapseIntoOne) {
  const absl::Time late = At("2026-01-20 13:00:00");
  const DueDecision decision = Decide(late);
  EXPECT_EQ(decision.kind, Kind::kDue);
  EXPECT_EQ(decision.event, At("2026-01-02 02:00:00")) << "the first of them";
  EXPECT_EQ(Rounds(late, late + absl::Hours(12)), 1);
  EXPECT_EQ(Decide(late).event, At("2026-01-21 02:00:00"));
}

TEST_F(JobRulesTest, TheSameJobNeverTwiceAtOnce) {
  const DueDecision decision = Decide(At("2026-01-02 02:00:00"), true);
  EXPECT_EQ(decision.kind, Kind::kNotDue);
  EXPECT_EQ(decision.event, absl::InfiniteFuture());
  EXPECT_EQ(Decide(At("2026-01-02 05:00:00"), false).kind, Kind::kDue)
      << "as soon as the other has ended";
}

TEST_F(JobRulesTest, DisabledJobsAndThoseWithoutAScheduleAreNeverDue) {
  const absl::Time late = At("2027-01-01 00:00:00");
  job_.enabled = false;
  EXPECT_EQ(Decide(late).kind, Kind::kNotDue);
  EXPECT_THAT(NextRun(job_, state_, late),
              IsOkAndHolds(std::optional<absl::Time>()));
  job_ = MakeJob("");
  EXPECT_EQ(Decide(late).kind, Kind::kNotDue);
  EXPECT_THAT(NextRun(job_, state_, late),
              IsOkAndHolds(std::optional<absl::Time>()));
  job_ = MakeJob("02-30");
  EXPECT_EQ(Decide(late).kind, Kind::kNotDue);
  EXPECT_EQ(Decide(late).event, absl::InfiniteFuture());
}

TEST_F(JobRulesTest, AChangedScheduleDoesNotFireAtOnce) {
  const absl::Time now = At("2026-01-02 12:00:00");
  // The run of two o'clock was missed, and now five o'clock is wanted.
  const Job after = MakeJob("05:00");
  state_ = StateAfterEdit(job_, after, state_, now);
  job_ = after;
  const DueDecision decision = Decide(now);
  EXPECT_EQ(decision.kind, Kind::kNotDue);
  EXPECT_EQ(decision.event, At("2026-01-03 05:00:00"));
}

TEST_F(JobRulesTest, EditsOfZoneAndEnabledStartAnewAndOthersDoNot) {
  const absl::Time now = At("2026-01-05 12:00:00");
  Job after = job_;
  after.comment = "other";
  after.options = "other";
  EXPECT_EQ(StateAfterEdit(job_, after, state_, now), state_);
  after.time_zone = "Europe/Vienna";
  EXPECT_EQ(StateAfterEdit(job_, after, state_, now).counts_from, now);
  Job disabled = job_;
  disabled.enabled = false;
  EXPECT_EQ(StateAfterEdit(disabled, job_, state_, now).counts_from, now)
      << "what was missed while it was disabled is not made up";
}

TEST_F(JobRulesTest, TheZoneIsThatOfTheJob) {
  job_.time_zone = "America/New_York";
  EXPECT_EQ(Decide(At("2026-01-02 06:59:59")).event, At("2026-01-02 07:00:00"));
  job_.time_zone = "";
  EXPECT_EQ(Decide(At("2026-01-02 01:59:59")).event, At("2026-01-02 02:00:00"));
}

TEST_F(JobRulesTest, AClockSetBackALittleFiresNothingTwice) {
  ASSERT_TRUE(Round(At("2026-01-02 02:00:05")));
  // Half an hour back: 02:00 comes again.
  EXPECT_EQ(Rounds(At("2026-01-02 01:30:05"), At("2026-01-03 01:00:00")), 0);
  EXPECT_EQ(Rounds(At("2026-01-03 01:00:00"), At("2026-01-03 12:00:00")), 1);
}

TEST_F(JobRulesTest, AClockSetBackADayGoesOnFromThere) {
  ASSERT_TRUE(Round(At("2026-01-10 02:00:05")));
  const absl::Time back = At("2026-01-09 02:00:06");
  EXPECT_EQ(Decide(back).kind, Kind::kClockWentBack);
  EXPECT_EQ(Rounds(back, back + absl::Hours(23)), 0) << "no run at once";
  EXPECT_EQ(Rounds(back + absl::Hours(23), back + absl::Hours(72)), 3)
      << "and none of the following nights is lost";
}

TEST_F(JobRulesTest, AClockThatWasYearsAheadDoesNotSilenceTheJob) {
  ASSERT_TRUE(Round(At("2036-06-01 00:00:00")));
  const absl::Time real = At("2026-01-02 12:00:00");
  EXPECT_EQ(Rounds(real, real + absl::Hours(48)), 2);
  EXPECT_THAT(
      NextRun(job_, StateAfterStart(state_, Id(1), At("2036-06-01 00:00:00")),
              real),
      IsOkAndHolds(std::optional(At("2026-01-03 02:00:00"))));
}

TEST_F(JobRulesTest, AClockThatJumpsToAndFroIsNoStorm) {
  job_ = MakeJob("minutely");
  const absl::Time here = At("2026-01-05 00:00:00");
  int runs = 0;
  for (int i = 0; i < 100; ++i) {
    runs += Round(here + absl::Seconds(10 * i) + absl::Hours(i % 2 * 24));
  }
  EXPECT_LE(runs, 51) << "at most one for each jump ahead";
  EXPECT_EQ(Round(here + absl::Minutes(20)), false);
  EXPECT_EQ(Rounds(here + absl::Minutes(20), here + absl::Minutes(30)), 10);
}

TEST_F(JobRulesTest, AStartByHandNeverBringsAnEventBack) {
  ASSERT_TRUE(Round(At("2026-01-02 02:00:05")));
  state_ = StateAfterStart(state_, Id(2), At("2026-01-02 01:50:00"));
  EXPECT_EQ(state_.last_run, At("2026-01-02 01:50:00"));
  EXPECT_EQ(Rounds(At("2026-01-02 01:50:00"), At("2026-01-02 12:00:00")), 0);
}

TEST_F(JobRulesTest, ARequestIdIsThatOfOneRun) {
  const absl::Time now = At("2026-01-10 02:00:05");
  const DueDecision decision = Decide(now);
  const std::string id = ScheduledRequestId(job_, state_, decision.event);
  EXPECT_EQ(id, absl::StrCat("job:nightly:1767319200:",
                             absl::ToUnixNanos(state_.counts_from),
                             ":00000000-0000-0000-0000-000000000000"));
  EXPECT_EQ(
      ScheduledRequestId(job_, state_, Decide(now + absl::Hours(99)).event), id)
      << "whenever it is tried";
  JobState started = StateAfterStart(state_, Id(1), now);
  started.counts_from = state_.counts_from;
  EXPECT_NE(ScheduledRequestId(job_, started, decision.event), id);
  Job longest = job_;
  longest.id = std::string(32, 'x');
  EXPECT_LE(ScheduledRequestId(longest, NewJobState(At("2199-01-01 00:00:00")),
                               At("2199-01-01 00:00:00"))
                .size(),
            kMaxRequestIdLength);
}

TEST_F(JobRulesTest, AScheduleThatCannotBeReadIsAnError) {
  job_.schedule = "25:00";
  const absl::Time now = At("2026-01-10 00:00:00");
  EXPECT_THAT(DecideDue(job_, state_, now, false), StatusIs(kInvalid));
  EXPECT_THAT(NextRun(job_, state_, now), StatusIs(kInvalid));
  job_ = MakeJob();
  job_.time_zone = "Atlantis/Center";
  EXPECT_THAT(DecideDue(job_, state_, now, false),
              StatusIs(kInvalid, HasSubstr("Atlantis/Center")));
}

TEST(StateAfterStartTest, RemembersTheRun) {
  JobState state = NewJobState(At("2026-01-01 00:00:00"));
  state.last_result = "failed";
  const absl::Time now = At("2026-01-02 00:00:00");
  const JobState next = StateAfterStart(state, Id(7), now);
  EXPECT_EQ(next.counts_from, now);
  EXPECT_EQ(next.last_run, now);
  EXPECT_EQ(next.last_task, Id(7));
  EXPECT_EQ(next.last_result, "") << "it has not ended";
}

TEST(ValidateJobTest, TheShapeOfAJobDoesNotDependOnTheMachine) {
  Job job = MakeJob();
  job.time_zone = "Atlantis/Center";
  EXPECT_OK(ValidateJobShape(job));
  EXPECT_THAT(ValidateJob(job), StatusIs(kInvalid));
}

TEST(ValidateJobTest, NamesWhatIsWrong) {
  EXPECT_OK(ValidateJob(MakeJob()));
  EXPECT_OK(ValidateJob(MakeJob("")));
  const auto refuses = [](auto change, const char* text) {
    Job job = MakeJob();
    change(job);
    EXPECT_THAT(ValidateJob(job), StatusIs(kInvalid, HasSubstr(text)));
  };
  refuses([](Job& j) { j.id = "ab"; }, "3..32 are allowed");
  refuses([](Job& j) { j.id = std::string(33, 'a'); }, "job id");
  refuses([](Job& j) { j.id = ".hidden"; }, "job id");
  refuses([](Job& j) { j.id = ""; }, "job id");
  refuses([](Job& j) { j.datastore = "a/b"; }, "datastore");
  refuses([](Job& j) { j.kind = TaskKind::kForget; },
          "kind is forget (4), prune, gc and verify are allowed");
  refuses([](Job& j) { j.kind = static_cast<TaskKind>(77); }, "unknown (77)");
  refuses([](Job& j) { j.schedule = "24:00"; },
          "schedule: calendar event \"24:00\", column 1: hour is \"24\"");
  refuses([](Job& j) { j.time_zone = "/etc/localtime"; }, "time zone");
  refuses([](Job& j) { j.comment = "a\nb"; }, "comment");
  refuses([](Job& j) { j.comment = std::string(1025, 'a'); }, "comment");
  refuses([](Job& j) { j.schedule = std::string(257, '1'); },
          "schedule is 257");
  refuses([](Job& j) { j.options = std::string(65537, 'a'); },
          "options have 65537 bytes");
}

}  // namespace
}  // namespace cairn::maintenance
