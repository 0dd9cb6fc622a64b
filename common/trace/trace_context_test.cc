#include "common/trace/trace_context.h"

#include <string>

#include <gtest/gtest.h>

namespace cairn {
namespace {

constexpr char kParent[] =
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

TEST(TraceContextTest, ReadsWhatItWrites) {
  const auto trace = ParseTraceParent(kParent);
  ASSERT_TRUE(trace.has_value());
  EXPECT_EQ(trace->trace_id, "0af7651916cd43dd8448eb211c80319c");
  EXPECT_EQ(trace->span_id, "b7ad6b7169203331");
  EXPECT_EQ(trace->flags, "01");
  EXPECT_EQ(ToTraceParent(*trace), kParent);
}

TEST(TraceContextTest, ALaterVersionIsReadAsFarAsItIsKnown) {
  const std::string rest = std::string(kParent).substr(2);
  EXPECT_EQ(ParseTraceParent("cc" + rest), ParseTraceParent(kParent));
  EXPECT_EQ(ParseTraceParent("cc" + rest + "-more"), ParseTraceParent(kParent));
}

TEST(TraceContextTest, RefusesWhatIsNone) {
  const std::string good = kParent;
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "0", good + "-0",
        "ff" + good.substr(2), "0G" + good.substr(2),
        "cc" + good.substr(2) + "0", "00_" + good.substr(3),
        "00-" + std::string(32, '0') + good.substr(35),
        good.substr(0, 36) + std::string(16, '0') + good.substr(52),
        "00-0AF7651916CD43DD8448EB211C80319C" + good.substr(35),
        good.substr(0, 53) + "x1", std::string(55, '\0'),
        std::string(100000, 'a')}) {
    EXPECT_FALSE(ParseTraceParent(bad).has_value()) << bad.substr(0, 80);
  }
}

TEST(TraceContextTest, AStepKeepsTheRequestAndHasItsOwnSpan) {
  const auto parent = ParseTraceParent(kParent);
  ASSERT_TRUE(parent.has_value());
  const auto next = ParseTraceParent(NextTraceParent(kParent));
  ASSERT_TRUE(next.has_value());
  EXPECT_EQ(next->trace_id, parent->trace_id);
  EXPECT_EQ(next->flags, parent->flags);
  EXPECT_NE(next->span_id, parent->span_id);
}

TEST(TraceContextTest, WhereThereIsNoneARequestBegins) {
  const auto one = ParseTraceParent(NextTraceParent(""));
  const auto other = ParseTraceParent(NextTraceParent("damaged"));
  ASSERT_TRUE(one.has_value());
  ASSERT_TRUE(other.has_value());
  EXPECT_NE(one->trace_id, other->trace_id);
}

}  // namespace
}  // namespace cairn
