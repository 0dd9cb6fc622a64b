#include "client/cli/render/format.h"

#include "gtest/gtest.h"

namespace cairn::client {
namespace {

TEST(FormatBytesTest, ChoosesTheUnit) {
  EXPECT_EQ(FormatBytes(0), "0 B");
  EXPECT_EQ(FormatBytes(1023), "1023 B");
  EXPECT_EQ(FormatBytes(1024), "1.0 KiB");
  EXPECT_EQ(FormatBytes(1536 * 1024), "1.5 MiB");
  EXPECT_EQ(FormatBytes(1024 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(FormatBytes(~uint64_t{0}), "16.0 EiB");
}

TEST(FormatRateTest, NeedsTime) {
  EXPECT_EQ(FormatRate(100, absl::ZeroDuration()), "-");
  EXPECT_EQ(FormatRate(10 << 20, absl::Seconds(4)), "2.5 MiB/s");
  EXPECT_EQ(FormatShare(1, 0), "-");
  EXPECT_EQ(FormatShare(1, 8), "12.5 %");
}

TEST(FormatSpanTest, RoundsToSeconds) {
  EXPECT_EQ(FormatSpan(absl::Milliseconds(400)), "0 s");
  EXPECT_EQ(FormatSpan(absl::Milliseconds(59600)), "1 min 0 s");
  EXPECT_EQ(FormatSpan(absl::Minutes(125)), "2 h 5 min");
  EXPECT_EQ(FormatSpan(-absl::Seconds(5)), "0 s");
}

TEST(FormatTimeTest, IsRfc3339) {
  google::protobuf::Timestamp time;
  EXPECT_EQ(FormatTime(time), "-");
  time.set_seconds(1795293585);
  EXPECT_EQ(FormatTime(time), "2026-11-21T20:39:45Z");
}

TEST(PrintableTest, TakesAwayWhatATerminalWouldObey) {
  EXPECT_EQ(Printable("plain \xc3\xa4"), "plain \xc3\xa4");
  EXPECT_EQ(Printable("a\033[31mb\x7f"), "a?[31mb?");
  EXPECT_EQ(Printable("a\nb\tc"), "a b c");
  EXPECT_EQ(Printable("a\xc2\x9b\x31m"), "a??1m");
}

}  // namespace
}  // namespace cairn::client
