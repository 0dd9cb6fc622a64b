#include "client/cli/span.h"

#include <string>

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(SpanTest, ReadsNumbersWithUnits) {
  const struct {
    const char* text;
    int64_t seconds;
  } kCases[] = {{"0", 0},          {"0s", 0},
                {"90s", 90},       {"5min", 300},
                {"2h", 7200},      {"30d", 2592000},
                {"1w", 604800},    {"1w2d", 777600},
                {"1h30min", 5400}, {"1d1h1min1s", 90061}};
  for (const auto& [text, seconds] : kCases) {
    EXPECT_THAT(ParseSpan(text, "--x"), IsOkAndHolds(seconds)) << text;
  }
}

TEST(SpanTest, RefusesTheRest) {
  for (const char* text :
       {"", "7", "d", "-1d", "1m", "1y", "1 d", "1d ", "1.5d", "1d2", "+1d",
        "1D", "36601d", "99999999999999999999d", "100000000d", "1dd", "soon"}) {
    EXPECT_THAT(ParseSpan(text, "--trash-time"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("--trash-time"), HasSubstr("30d"))))
        << text;
  }
}

TEST(SpanTest, WritesWhatItReads) {
  EXPECT_EQ(FormatSpanArgument(0), "0");
  EXPECT_EQ(FormatSpanArgument(2592000), "30d");
  EXPECT_EQ(FormatSpanArgument(1209600), "2w");
  EXPECT_EQ(FormatSpanArgument(5400), "1h30min");
  for (const int64_t seconds : {1, 59, 60, 3601, 86399, 90061, 604801}) {
    EXPECT_THAT(ParseSpan(FormatSpanArgument(seconds), ""),
                IsOkAndHolds(seconds));
  }
}

}  // namespace
}  // namespace cairn::client
