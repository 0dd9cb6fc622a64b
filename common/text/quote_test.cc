#include "common/text/quote.h"

#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(QuoteTest, ShowsTextAsItIs) {
  EXPECT_EQ(Quote(""), "\"\"");
  EXPECT_EQ(Quote("some text"), "\"some text\"");
}

TEST(QuoteTest, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(Quote("a\033[1m\n\"\xff"), "\"a\\x1b[1m\\n\\\"\\xff\"");
}

TEST(QuoteTest, CutsBeforeItEscapes) {
  EXPECT_EQ(Quote("\n\n\nabc", 4), "\"\\n\\n\\na...\"");
  EXPECT_EQ(Quote(std::string(40, 'x')).size(), 42u);
  EXPECT_EQ(Quote(std::string(41, 'x')).size(), 45u);
}

}  // namespace
}  // namespace cairn
