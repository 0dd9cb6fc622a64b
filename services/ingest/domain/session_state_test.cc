#include "services/ingest/domain/session_state.h"

#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::ingest {
namespace {

TEST(SessionStateTest, OnlyAnOpenSessionIsOpen) {
  Session session;
  EXPECT_OK(CheckOpen(session));
  session.state = SessionState::kFenced;
  EXPECT_THAT(CheckOpen(session), HasReasonCode(reason::kSessionFenced));
  for (const SessionState state :
       {SessionState::kPublished, SessionState::kAborted}) {
    session.state = state;
    EXPECT_THAT(CheckOpen(session), HasReasonCode(reason::kSessionEnded));
  }
}

TEST(SessionStateTest, WhatTheClientCanMendEndsNothing) {
  for (const absl::Status& error :
       {absl::OkStatus(), absl::UnavailableError("away"),
        absl::DeadlineExceededError("late"), absl::CancelledError("gone"),
        absl::ResourceExhaustedError("full"),
        absl::InvalidArgumentError("named twice"),
        absl::FailedPreconditionError("archive a has 5 bytes"),
        WithReason(absl::FailedPreconditionError("archive a is not complete"),
                   reason::kArchiveOpen)}) {
    EXPECT_FALSE(EndsSession(error)) << error;
  }
}

TEST(SessionStateTest, WhatIndexDecidedEndsTheSession) {
  for (const absl::Status& error :
       {WithReason(absl::AbortedError("fenced"), reason::kSessionFenced),
        WithReason(absl::FailedPreconditionError("aborted"),
                   reason::kSessionEnded),
        WithReason(absl::FailedPreconditionError("older"),
                   reason::kSnapshotNotNewer),
        WithReason(absl::FailedPreconditionError("no base"), reason::kBaseGone),
        WithReason(absl::PermissionDeniedError("other"), reason::kNotOwner),
        absl::NotFoundError("no namespace")}) {
    EXPECT_TRUE(EndsSession(error)) << error;
  }
}

}  // namespace
}  // namespace cairn::ingest
