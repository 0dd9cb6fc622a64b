#include "client/backup/range_list.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Gives `text` in pieces, with pauses between them.
class TextProducer final : public ByteProducer {
 public:
  TextProducer(std::string text, size_t piece)
      : text_(std::move(text)), piece_(piece) {}

  absl::StatusOr<std::optional<std::string>> Read() override {
    pause_ = !pause_;
    if (pause_) return std::nullopt;
    std::string taken = text_.substr(0, piece_);
    text_.erase(0, piece_);
    return taken;
  }

 private:
  std::string text_;
  const size_t piece_;
  bool pause_ = false;
};

absl::StatusOr<RangeList> Read(const std::string& text, size_t piece = 7) {
  TextProducer producer(text, piece);
  return ReadRangeList(producer, "list");
}

TEST(RangeListTest, ReadsDecimalAndHexadecimal) {
  for (const size_t piece : {1, 3, 1000}) {
    ASSERT_OK_AND_ASSIGN(const RangeList list,
                         Read("# made by hand\n"
                              "0 65536\n"
                              "\n"
                              "  0x40000000\t0xFfFf  # the second\r\n"
                              "1048576 1\n",
                              piece));
    EXPECT_THAT(list.ranges(),
                ElementsAre(ByteRange{0, 65536}, ByteRange{1048576, 1048577},
                            ByteRange{0x40000000, 0x4000ffff}));
  }
}

TEST(RangeListTest, JoinsWhatOverlapsOrTouchesInAnyOrder) {
  ASSERT_OK_AND_ASSIGN(const RangeList list,
                       Read("50 10\n0 10\n10 5\n12 20\n55 1\n100 0\n"));
  EXPECT_THAT(list.ranges(), ElementsAre(ByteRange{0, 32}, ByteRange{50, 60}));
}

TEST(RangeListTest, TakesListsThatNameNothing) {
  for (const char* text : {"", "# nothing\n", "\n\n", "5 0\n"}) {
    ASSERT_OK_AND_ASSIGN(const RangeList list, Read(text));
    EXPECT_THAT(list.ranges(), IsEmpty()) << text;
  }
}

TEST(RangeListTest, TakesTheLongestImage) {
  ASSERT_OK_AND_ASSIGN(const RangeList list, Read("0 9223372036854775808\n"));
  EXPECT_THAT(list.ranges(), ElementsAre(ByteRange{0, uint64_t{1} << 63}));
}

TEST(RangeListTest, SaysWhatIsWrongAndWhere) {
  const std::pair<const char*, const char*> kCases[] = {
      {"1 2\n3\n", "list line 2: \"3\" has 1 word, a line is OFFSET LENGTH"},
      {"1 2 3\n", "has 3 words"},
      {"1 -2\n", "LENGTH is \"-2\", allowed are 0 to 9223372036854775808"},
      {"+1 2\n", "OFFSET is \"+1\""},
      {"1k 2\n", "OFFSET is \"1k\""},
      {"0x 2\n", "OFFSET is \"0x\""},
      {"0x1g 2\n", "OFFSET is \"0x1g\""},
      {"18446744073709551616 2\n", "OFFSET is \"18446744073709551616\""},
      {"9223372036854775809 0\n", "OFFSET is \"9223372036854775809\""},
      {"9223372036854775808 1\n", "ends above 9223372036854775808"},
      {"1\033 2\n", "OFFSET is \"1\\x1b\""},
      {"# a\n# b\n1 2", "list line 3: does not end with a newline"},
  };
  for (const auto& [text, error] : kCases) {
    EXPECT_THAT(Read(text),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(error)));
  }
  EXPECT_THAT(
      Read(std::string(5000, ' ') + "\n", 100),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("longer than")));
  EXPECT_THAT(
      Read(std::string(5000, 'x'), 10000),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("longer than")));
}

TEST(RangeListTest, HoldsSoManyRangesAndNoMore) {
  std::string text;
  for (size_t i = 0; i < RangeList::kMaxRanges; ++i) {
    text += std::to_string(2 * i) + " 1\n";
  }
  ASSERT_OK_AND_ASSIGN(const RangeList list, Read(text, 1 << 20));
  EXPECT_EQ(list.ranges().size(), RangeList::kMaxRanges);
  EXPECT_THAT(Read(text + "99999999 1\n", 1 << 20),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("more than 1048576 ranges")));
  // Those that touch are one, however many lines they have.
  std::string touching;
  for (size_t i = 0; i < RangeList::kMaxRanges; ++i) {
    touching += std::to_string(2 * i + 1) + " 1\n";
  }
  ASSERT_OK_AND_ASSIGN(const RangeList one,
                       Read(text + touching + touching + "1 1\n", 1 << 20));
  EXPECT_THAT(one.ranges(),
              ElementsAre(ByteRange{0, 2 * RangeList::kMaxRanges}));
}

TEST(RangeListTest, AgreesWithASetOfBytes) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 200; ++round) {
    std::vector<bool> changed(300);
    std::string text;
    for (int i = 0; i < 20; ++i) {
      const size_t offset = random() % 280;
      const size_t length = random() % 20;
      text += std::to_string(offset) + " " + std::to_string(length) + "\n";
      std::fill_n(changed.begin() + static_cast<ptrdiff_t>(offset), length,
                  true);
    }
    ASSERT_OK_AND_ASSIGN(const RangeList list, Read(text, 1 + random() % 50));
    std::vector<bool> listed(300);
    uint64_t end = 0;
    for (const ByteRange& range : list.ranges()) {
      ASSERT_TRUE(end == 0 || range.offset > end);
      for (uint64_t i = range.offset; i < range.end; ++i) listed[i] = true;
      end = range.end;
    }
    ASSERT_TRUE(listed == changed) << text;
  }
}

}  // namespace
}  // namespace cairn::client
