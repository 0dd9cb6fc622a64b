#include "client/backup/diff_parser.h"

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "client/testing/range_diff.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::HasSubstr;

// All frames of `diff`, given in pieces; `size` of the image.
absl::Status Parse(const std::string& diff, size_t piece,
                   std::vector<Frame>* frames, uint64_t* size = nullptr) {
  DiffParser parser("stdin");
  for (size_t at = 0;;) {
    absl::StatusOr<std::optional<Frame>> frame = parser.Next();
    if (!frame.ok()) return frame.status();
    if (frame->has_value()) {
      EXPECT_TRUE(parser.size_bytes().has_value());
      frames->push_back(**std::move(frame));
      continue;
    }
    if (at >= diff.size()) break;
    parser.Add(diff.substr(at, piece));
    at += piece;
  }
  if (size != nullptr) *size = parser.size_bytes().value_or(0);
  return parser.Finish();
}

absl::Status Error(const std::string& diff) {
  std::vector<Frame> frames;
  const absl::Status whole = Parse(diff, diff.size() + 1, &frames);
  frames.clear();
  EXPECT_EQ(Parse(diff, 1, &frames), whole);
  return whole;
}

std::string Number(uint64_t value, int bytes = 8) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text.push_back(static_cast<char>(value >> (8 * i)));
  }
  return text;
}

const std::string kBanner = "rbd diff v1\n";
const std::string kSized = kBanner + "s" + Number(1000);

std::string Data(uint64_t offset, const std::string& bytes) {
  return "w" + Number(offset) + Number(bytes.size()) + bytes;
}

TEST(DiffParserTest, GivesWhatChangedHoweverItComes) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 100; ++round) {
    const uint64_t size = random() % 5'000'000;
    const std::vector<Frame> changes =
        RandomChanges(random, size, 12, 1 + random() % 2'000'000);
    std::vector<Frame> frames;
    uint64_t found = 0;
    ASSERT_OK(Parse(DiffOf(size, changes), 1 + random() % 3'000'000, &frames,
                    &found));
    EXPECT_EQ(found, size);
    uint64_t end = 0;
    for (const Frame& frame : frames) {
      ASSERT_GE(frame.offset, end);
      ASSERT_LE(frame.data.size(), kFrameBytes);
      ASSERT_GT(frame.length(), 0u);
      end = frame.end();
    }
    EXPECT_TRUE(WithChanges(std::string(size, 'b'), size, frames) ==
                WithChanges(std::string(size, 'b'), size, changes));
  }
}

TEST(DiffParserTest, TakesADiffWithoutChanges) {
  std::vector<Frame> frames;
  uint64_t size = 1;
  EXPECT_OK(Parse(DiffOf(0, {}), 1, &frames, &size));
  EXPECT_EQ(size, 0u);
  EXPECT_OK(Parse(kSized + Data(999, "") + "e", 5, &frames, &size));
  EXPECT_EQ(size, 1000u);
  EXPECT_TRUE(frames.empty());
}

TEST(DiffParserTest, LeavesOutZerosBehindTheEnd) {
  std::vector<Frame> frames;
  ASSERT_OK(Parse(kSized + "z" + Number(900) + Number(~uint64_t{0}) + "z" +
                      Number(5000) + Number(1) + "e",
                  3, &frames));
  ASSERT_EQ(frames.size(), 1u);
  EXPECT_EQ(frames[0].offset, 900u);
  EXPECT_EQ(frames[0].hole_bytes, 100u);
}

TEST(DiffParserTest, SaysWhatIsWrongAndWhere) {
  const std::pair<std::string, const char*> kCases[] = {
      {"", "byte 0: the stream ends before its end record"},
      {"rbd", "byte 3: the stream ends"},
      {"rbd diff v2\ns", "stdin: begins with \"rbd diff v2\\n\""},
      {std::string(512, '\0'), "begins with \"\\x00"},
      {kBanner + "x", "a record of kind \"x\", allowed are f, t, s, w, z"},
      {kBanner + "e", "record \"e\" comes before the size of the image"},
      {kBanner + Data(0, "x"), "record \"w\" comes before the size"},
      {kBanner + "f" + Number(5000, 4),
       "has 5000 bytes, allowed are 0 to 4096"},
      {kBanner + "t" + Number(10, 4) + "short", "the stream ends before"},
      {kSized + "s" + Number(1), "a second size"},
      {kBanner + "s" + Number(uint64_t{1} << 63),
       "the image has 9223372036854775808 bytes"},
      {kSized + Data(0, "x") + "t", "comes behind the first range"},
      {kSized + Data(10, "xyz") + Data(12, "x") + "e",
       "a range at 12 comes behind one that ends at 13"},
      {kSized + Data(999, "xy") + "e",
       "a range of 2 bytes at 999 ends behind the image, which has 1000"},
      {kSized + "w" + Number(~uint64_t{0}) + Number(2),
       "ends behind the image"},
      {kSized + "w" + Number(0) + Number(10) + "xyz", "the stream ends before"},
      {kSized + Data(0, "x"), "byte 39: the stream ends before"},
      {kSized + "e\n", "byte 22: something follows the end record"},
  };
  for (const auto& [diff, error] : kCases) {
    EXPECT_THAT(Error(diff),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(error)))
        << error;
  }
}

TEST(DiffParserTest, SurvivesAnyBytes) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 2000; ++round) {
    std::string diff = DiffOf(2000, RandomChanges(random, 2000, 5, 100));
    const size_t flips = 1 + random() % 4;
    for (size_t i = 0; i < flips; ++i) {
      diff[random() % diff.size()] = static_cast<char>(random());
    }
    if (random() % 4 == 0) diff.resize(random() % diff.size());
    std::vector<Frame> frames;
    const absl::Status status = Parse(diff, 1 + random() % 100, &frames);
    EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
    uint64_t end = 0;
    for (const Frame& frame : frames) {
      ASSERT_GE(frame.offset, end);
      end = frame.end();
    }
  }
}

}  // namespace
}  // namespace cairn::client
