#include "client/cli/exit_code.h"

#include "client/cli/change_unknown.h"
#include "client/maintenance/task_reasons.h"
#include "client/posix/local_error.h"
#include "client/transfer/publish_unknown.h"
#include "common/status/reason.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(ExitCodeTest, FollowsTheStatusCode) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("x")), 1);
  EXPECT_EQ(ExitCodeOf(absl::InvalidArgumentError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::OutOfRangeError("x")), 2);
  EXPECT_EQ(ExitCodeOf(absl::NotFoundError("x")), 10);
  EXPECT_EQ(ExitCodeOf(absl::ResourceExhaustedError("x")), 11);
  EXPECT_EQ(ExitCodeOf(absl::AbortedError("x")), 11);
  EXPECT_EQ(ExitCodeOf(absl::PermissionDeniedError("x")), 12);
  EXPECT_EQ(ExitCodeOf(absl::UnauthenticatedError("x")), 12);
  EXPECT_EQ(ExitCodeOf(absl::DataLossError("x")), 13);
  EXPECT_EQ(ExitCodeOf(absl::FailedPreconditionError("x")), 14);
  EXPECT_EQ(ExitCodeOf(absl::AlreadyExistsError("x")), 14);
  EXPECT_EQ(ExitCodeOf(absl::UnavailableError("x")), 75);
  EXPECT_EQ(ExitCodeOf(absl::DeadlineExceededError("x")), 75);
  EXPECT_EQ(ExitCodeOf(absl::CancelledError("x")), 130);
}

TEST(ExitCodeTest, AReasonSaysMore) {
  const auto with = [](const char* reason) {
    return ExitCodeOf(WithReason(absl::FailedPreconditionError("x"), reason));
  };
  EXPECT_EQ(with(reason::kLeaseHeld), 11);
  EXPECT_EQ(with(reason::kSnapshotProtected), 14);
  EXPECT_EQ(with(reason::kNotEmpty), 14);
  EXPECT_EQ(with(reason::kNotOwner), 12);
  EXPECT_EQ(with(reason::kRecordDamaged), 13);
  EXPECT_EQ(with(reason::kBaseGone), 14);
  EXPECT_EQ(with(reason::kDraining), 75);
  EXPECT_EQ(with(kLocalIo), 74);
  EXPECT_EQ(with(kPublishUnknown), 130);
  EXPECT_EQ(with(kChangeUnknown), 130);
  EXPECT_EQ(with(reason::kTaskRunning), 11);
  EXPECT_EQ(with(reason::kSweepLost), 11);
  EXPECT_EQ(with(reason::kTaskUnknown), 10);
  EXPECT_EQ(with(reason::kJobUnknown), 10);
  EXPECT_EQ(with(reason::kTaskState), 14);
  EXPECT_EQ(with(reason::kPlanChanged), 14);
  EXPECT_EQ(with(reason::kClockJumped), 14);
  EXPECT_EQ(with(reason::kEmptyView), 14);
  EXPECT_EQ(with(reason::kIndexBehind), 14);
  EXPECT_EQ(with(reason::kRequestIdReused), 2);
  EXPECT_EQ(with(kNoMaintenance), 2);
  EXPECT_EQ(with(kTaskFailed), 15);
  EXPECT_EQ(with(kTaskCancelled), 16);
  EXPECT_EQ(with(kTaskInterrupted), 17);
  EXPECT_EQ(with(kTaskGoesOn), 130);
}

TEST(ExitCodeTest, KnowsWhichReasonsSayMore) {
  EXPECT_TRUE(
      HasKnownReason(WithReason(absl::AbortedError("x"), reason::kLeaseHeld)));
  EXPECT_FALSE(
      HasKnownReason(WithReason(absl::AbortedError("x"), "OF_TOMORROW")));
  EXPECT_FALSE(HasKnownReason(absl::AbortedError("x")));
}

TEST(ExitCodeTest, TheTableHasEachCode) {
  for (const char* code :
       {"  0 ", "  1 ", "  2 ", "  3 ", "  10 ", "  11 ", "  12 ", "  13 ",
        "  14 ", "  15 ", "  16 ", "  17 ", "  74 ", "  75 ", "  130 "}) {
    EXPECT_THAT(ExitCodeTable(), HasSubstr(code));
  }
}

TEST(ExitCodeTest, ErrorsOfThisMachineAreNotTheServers) {
  EXPECT_EQ(ExitCodeOf(LocalError("/x", "open", ENOENT)), 74);
  EXPECT_EQ(ExitCodeOf(LocalError("/x", "open", EACCES)), 74);
  EXPECT_EQ(ExitCodeOf(LocalError("/x", "read", EIO)), 74);
}

TEST(NextStepTest, SaysSomethingForEachCode) {
  for (int code = 1; code <= 16; ++code) {
    const std::string next =
        NextStep(absl::Status(static_cast<absl::StatusCode>(code), "x"));
    EXPECT_FALSE(next.empty()) << code;
    EXPECT_THAT(next, Not(HasSubstr("\n")));
  }
  EXPECT_THAT(NextStep(WithReason(absl::FailedPreconditionError("x"),
                                  reason::kLeaseHeld)),
              HasSubstr("cairn lease list"));
  EXPECT_THAT(NextStep(WithReason(absl::FailedPreconditionError("x"),
                                  reason::kReuseRefused)),
              HasSubstr("back up whole"));
  // Of a snapshot that may be there nobody says that it is not.
  EXPECT_THAT(
      NextStep(WithReason(absl::CancelledError("x"), kPublishUnknown)),
      AllOf(HasSubstr("cairn snapshot list"), Not(HasSubstr("no snapshot"))));
}

}  // namespace
}  // namespace cairn::client
