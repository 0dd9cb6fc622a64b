#include "services/maintenance/engine/peer_wait.h"

#include "common/testing/fake_clock.h"
#include "common/testing/status_matchers.h"
#include "common/testing/test_executor.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/engine/fake_run.h"

namespace cairn::maintenance {
namespace {

class PeerWaitTest : public testing::Test {
 protected:
  // Waits with a clock that moves by the steps of the wait.
  absl::Status Wait() {
    return AwaitPeers({.ask =
                           [this] {
                             return Elapsed() < away_for_ ? away_
                                                          : absl::OkStatus();
                           },
                       .clock = &clock_,
                       .executor = &executor_},
                      control_);
  }
  absl::Duration Elapsed() const { return clock_.Monotonic() - start_; }

  FakeClock clock_;
  TestExecutor executor_{&clock_};
  const absl::Duration start_ = clock_.Monotonic();
  RecordingControl control_;
  absl::Status away_ = absl::UnavailableError("no peer at all");
  absl::Duration away_for_;
};

TEST_F(PeerWaitTest, ARunWhosePeersAnswerBeginsAtOnce) {
  EXPECT_OK(Wait());
  EXPECT_EQ(Elapsed(), absl::ZeroDuration());
  EXPECT_TRUE(control_.phases.empty());
  EXPECT_TRUE(control_.lines.empty());
}

TEST_F(PeerWaitTest, ARunWaitsForItsPeersAndTellsSo) {
  away_for_ = absl::Seconds(7);
  EXPECT_OK(Wait());
  EXPECT_GE(Elapsed(), absl::Seconds(7));
  EXPECT_LE(Elapsed(), absl::Seconds(8));
  EXPECT_THAT(control_.phases, testing::ElementsAre("wait for peers"));
  EXPECT_TRUE(control_.Logged("no peer at all"));
  EXPECT_TRUE(control_.Logged("chunk_storage answer"));
}

TEST_F(PeerWaitTest, TheWaitIsBounded) {
  away_for_ = absl::Hours(1);
  away_ = absl::DeadlineExceededError("slow");
  EXPECT_OK(Wait());
  EXPECT_GE(Elapsed(), absl::Seconds(30));
  EXPECT_LE(Elapsed(), absl::Seconds(31));
  EXPECT_TRUE(control_.Logged("goes on without waiting"));
}

TEST_F(PeerWaitTest, ACancelledRunWaitsNoLonger) {
  away_for_ = absl::Hours(1);
  control_.at_checkpoint = [this](const std::string&) {
    if (Elapsed() >= absl::Seconds(3)) control_.token.Cancel();
    return absl::OkStatus();
  };
  EXPECT_THAT(Wait(), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_LE(Elapsed(), absl::Seconds(4));
}

TEST_F(PeerWaitTest, WhatNoWaitMendsIsNotWaitedFor) {
  away_for_ = absl::Hours(1);
  away_ = absl::FailedPreconditionError("another index");
  EXPECT_OK(Wait());
  EXPECT_EQ(Elapsed(), absl::ZeroDuration());
}

}  // namespace
}  // namespace cairn::maintenance
