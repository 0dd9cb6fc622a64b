#include "common/text/printable.h"

#include <string>

#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(PrintableTest, ControlCharactersAndBrokenUtf8AreNotPrintable) {
  EXPECT_TRUE(IsPrintableUtf8(""));
  EXPECT_TRUE(IsPrintableUtf8("nightly gc ~"));
  EXPECT_TRUE(
      IsPrintableUtf8("n\xc3\xa4"
                      "chtlich \xf0\x9f\xaa\xa8"));
  for (const char* bad : {"\n", "a\tb", "\x7f", "\x1f", "\xff", "a\xc3",
                          "\xc0\x80", "\xed\xa0\x80"}) {
    EXPECT_FALSE(IsPrintableUtf8(bad)) << bad;
  }
  EXPECT_FALSE(IsPrintableUtf8(std::string(1, '\0')));
}

TEST(PrintableTest, WhatIsMadePrintableIsPrintable) {
  EXPECT_EQ(ToPrintableUtf8("a\nb\x7f"
                            "c\xff",
                            100),
            "a b c?");
  EXPECT_EQ(ToPrintableUtf8("abc", 2), "ab");
  EXPECT_EQ(ToPrintableUtf8("a\xc3\xa4", 2), "a") << "cut between characters";
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all.push_back(static_cast<char>(byte));
  EXPECT_TRUE(IsPrintableUtf8(ToPrintableUtf8(all, 1000)));
}

}  // namespace
}  // namespace cairn
