#include "common/text/utf8.h"

#include <string>

#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(Utf8SequenceLengthTest, KnowsTheFourLengths) {
  EXPECT_EQ(Utf8SequenceLength("a"), 1u);
  EXPECT_EQ(Utf8SequenceLength("\xc3\xa9"), 2u);
  EXPECT_EQ(Utf8SequenceLength("\xe2\x82\xac"), 3u);
  EXPECT_EQ(Utf8SequenceLength("\xf0\x9f\x9a\x80"), 4u);
}

TEST(Utf8SequenceLengthTest, RefusesWhatIsNone) {
  for (const char* text :
       {"", "\x80", "\xc0\xaf", "\xc1\xbf", "\xc3", "\xe0\x80\x80", "\xe2\x82",
        "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "\xff"}) {
    EXPECT_EQ(Utf8SequenceLength(text), 0u) << ::testing::PrintToString(text);
  }
}

TEST(ToValidUtf8Test, ReplacesBytesAndCutsBetweenCharacters) {
  EXPECT_EQ(ToValidUtf8("a\xff\xc3\xa9", 10), "a?\xc3\xa9");
  EXPECT_EQ(ToValidUtf8("ab\xc3\xa9", 3), "ab");
  EXPECT_EQ(ToValidUtf8("ab\xc3\xa9", 4), "ab\xc3\xa9");
  EXPECT_EQ(ToValidUtf8("\xff\xff", 1), "?");
}

}  // namespace
}  // namespace cairn
