#include "common/log/log_limit.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

class LogLimitTest : public ::testing::Test {
 protected:
  // How many of `count` lines at one moment are written.
  int Written(LogLevel level, const std::string& text, int count) {
    int written = 0;
    for (int i = 0; i < count; ++i) {
      written += limiter_.Take(level, absl::StrCat(text, i), now_).write;
    }
    return written;
  }

  LogLimiter limiter_;
  absl::Time now_ = absl::FromUnixSeconds(1767225600);
};

TEST_F(LogLimitTest, ABurstIsWrittenAndThenOneAnInterval) {
  EXPECT_EQ(Written(LogLevel::kInfo, "pack sealed pack=", 1000),
            LogLimiter::kBurst);
  now_ += LogLimiter::kInterval;
  const LogLimiter::Verdict verdict =
      limiter_.Take(LogLevel::kInfo, "pack sealed pack=x", now_);
  EXPECT_TRUE(verdict.write);
  EXPECT_EQ(verdict.left_out, 1000u - LogLimiter::kBurst);
  EXPECT_EQ(Written(LogLevel::kInfo, "pack sealed pack=", 10), 0);
  now_ += 1000 * LogLimiter::kInterval;
  EXPECT_EQ(Written(LogLevel::kInfo, "pack sealed pack=", 1000),
            LogLimiter::kBurst);
}

TEST_F(LogLimitTest, OtherLinesAreNotHeldBackByIt) {
  EXPECT_EQ(Written(LogLevel::kInfo, "pack sealed pack=", 1000),
            LogLimiter::kBurst);
  EXPECT_EQ(Written(LogLevel::kWarning, "pack sealed pack=", 10), 10);
  EXPECT_EQ(Written(LogLevel::kInfo, "task begun task=", 10), 10);
}

TEST_F(LogLimitTest, DebugIsNotLimited) {
  EXPECT_EQ(Written(LogLevel::kDebug, "call finished ", 1000), 1000);
}

TEST_F(LogLimitTest, WhatNobodyHearsOfIsToldAtLast) {
  EXPECT_THAT(limiter_.TakeUntold(now_), IsEmpty());
  Written(LogLevel::kError, "call failed rpc=", LogLimiter::kBurst + 7);
  EXPECT_THAT(limiter_.TakeUntold(now_), IsEmpty());
  now_ += LogLimiter::kTellAfter;
  const auto untold = limiter_.TakeUntold(now_);
  ASSERT_THAT(untold, SizeIs(1));
  EXPECT_EQ(untold[0].kind, "call failed");
  EXPECT_EQ(untold[0].left_out, 7u);
  now_ += LogLimiter::kTellAfter;
  EXPECT_THAT(limiter_.TakeUntold(now_), IsEmpty());
}

TEST_F(LogLimitTest, AClockThatGoesBackStopsNothing) {
  Written(LogLevel::kInfo, "a b=", LogLimiter::kBurst);
  now_ -= absl::Hours(24);
  EXPECT_EQ(Written(LogLevel::kInfo, "a b=", 5), 0);
  now_ += LogLimiter::kInterval;
  EXPECT_EQ(Written(LogLevel::kInfo, "a b=", 5), 1);
}

}  // namespace
}  // namespace cairn
