#include "client/backup/line_reader.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "client/backup/byte_producer.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Gives `text` in pieces, with pauses between them.
class PieceProducer final : public ByteProducer {
 public:
  PieceProducer(std::string text, size_t piece)
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

constexpr size_t kMaxLineBytes = 5;

struct Lines {
  std::vector<std::string> lines;
  bool whole = true;
  absl::Status error;
};

Lines ReadAll(const std::string& text, size_t piece) {
  PieceProducer producer(text, piece);
  LineReader reader(&producer, "list", kMaxLineBytes, "a line is short");
  Lines result;
  while (true) {
    const absl::StatusOr<std::optional<std::string_view>> line = reader.Next();
    result.error = line.status();
    result.whole = reader.last_line_is_whole();
    if (!line.ok() || !line->has_value()) return result;
    result.lines.emplace_back(**line);
  }
}

TEST(LineReaderTest, CutsPiecesOfAnySize) {
  for (size_t piece = 1; piece < 20; ++piece) {
    const Lines read = ReadAll("one\n\nthree\n\n12345\n", piece);
    EXPECT_OK(read.error);
    EXPECT_TRUE(read.whole);
    EXPECT_THAT(read.lines, ElementsAre("one", "", "three", "", "12345"));
  }
}

TEST(LineReaderTest, ReadsNothingFromNothing) {
  EXPECT_THAT(ReadAll("", 1).lines, IsEmpty());
  EXPECT_TRUE(ReadAll("", 1).whole);
}

TEST(LineReaderTest, TellsOfALastLineWithoutNewline) {
  for (size_t piece = 1; piece < 9; ++piece) {
    const Lines read = ReadAll("one\ntwo", piece);
    EXPECT_OK(read.error);
    EXPECT_FALSE(read.whole);
    EXPECT_THAT(read.lines, ElementsAre("one", "two"));
  }
}

TEST(LineReaderTest, RefusesALongLineBeforeItsEnd) {
  for (const std::string text : {"12345\n123456\n", "12345\n123456"}) {
    for (size_t piece = 1; piece < 15; ++piece) {
      const Lines read = ReadAll(text, piece);
      EXPECT_THAT(
          read.error,
          StatusIs(absl::StatusCode::kInvalidArgument,
                   "list line 2: longer than 5 bytes; a line is short"));
      EXPECT_THAT(read.lines, ElementsAre("12345"));
    }
  }
}

TEST(LineReaderTest, StaysAtTheEnd) {
  PieceProducer producer("x\n", 9);
  LineReader reader(&producer, "list", kMaxLineBytes, "");
  EXPECT_THAT(reader.Next(),
              IsOkAndHolds(std::optional<std::string_view>("x")));
  EXPECT_THAT(reader.Next(), IsOkAndHolds(std::nullopt));
  EXPECT_THAT(reader.Next(), IsOkAndHolds(std::nullopt));
}

}  // namespace
}  // namespace cairn::client
