#include "client/backup/replay_buffer.h"

#include <algorithm>
#include <random>
#include <string>

#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

std::string ReadAll(ReplayBuffer& buffer) {
  std::string all;
  while (std::optional<Frame> frame = buffer.Next()) {
    EXPECT_EQ(frame->end(), buffer.position());
    all += frame->data;
  }
  return all;
}

TEST(ReplayBufferTest, GivesEachByteOnceUntilItIsRewound) {
  ReplayBuffer buffer(100);
  buffer.Append("abc");
  buffer.Append("defg");
  EXPECT_EQ(ReadAll(buffer), "abcdefg");
  EXPECT_EQ(ReadAll(buffer), "");
  ASSERT_OK(buffer.Rewind(2));
  EXPECT_EQ(ReadAll(buffer), "cdefg");
}

TEST(ReplayBufferTest, IsFullUntilBytesAreReleased) {
  ReplayBuffer buffer(2 * (3 + ReplayBuffer::kPieceCost));
  buffer.Append("abc");
  EXPECT_FALSE(buffer.full());
  buffer.Append("def");
  EXPECT_TRUE(buffer.full());
  ReadAll(buffer);
  buffer.Release(2);  // no whole piece
  EXPECT_TRUE(buffer.full());
  buffer.Release(3);
  EXPECT_FALSE(buffer.full());
  EXPECT_EQ(buffer.begin(), 3u);
}

TEST(ReplayBufferTest, RefusesToGoWhereBytesAreGone) {
  ReplayBuffer buffer(100);
  buffer.Append("abc");
  buffer.Append("def");
  ReadAll(buffer);
  buffer.Release(3);
  EXPECT_THAT(buffer.Rewind(2), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_THAT(buffer.Rewind(7), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_OK(buffer.Rewind(6));
  EXPECT_OK(buffer.Rewind(3));
  EXPECT_EQ(ReadAll(buffer), "def");
}

TEST(ReplayBufferTest, KeepsBytesThatWereReleasedBeforeTheyWereSentAgain) {
  ReplayBuffer buffer(100);
  buffer.Append("abc");
  ReadAll(buffer);
  ASSERT_OK(buffer.Rewind(0));
  buffer.Release(3);
  EXPECT_EQ(ReadAll(buffer), "abc");
}

TEST(ReplayBufferTest, KeepsGapsAndHoles) {
  ReplayBuffer buffer(1000);
  buffer.Append(Frame{.offset = 10, .data = "abc"});
  buffer.Append(Frame{.offset = 100, .hole_bytes = 50});
  buffer.SkipTo(1000);
  EXPECT_EQ(ReadAll(buffer), "abc");
  EXPECT_EQ(buffer.position(), 1000u);
  // Into a piece, between pieces, into a hole, behind all.
  ASSERT_OK(buffer.Rewind(11));
  EXPECT_EQ(buffer.Next()->data, "bc");
  ASSERT_OK(buffer.Rewind(50));
  EXPECT_EQ(buffer.Next()->offset, 100u);
  ASSERT_OK(buffer.Rewind(120));
  const std::optional<Frame> hole = buffer.Next();
  ASSERT_TRUE(hole.has_value());
  EXPECT_EQ(hole->offset, 120u);
  EXPECT_EQ(hole->hole_bytes, 30u);
  ASSERT_OK(buffer.Rewind(999));
  EXPECT_FALSE(buffer.Next().has_value());
  EXPECT_THAT(buffer.Rewind(1001), StatusIs(absl::StatusCode::kOutOfRange));
  buffer.Release(60);
  EXPECT_EQ(buffer.begin(), 13u);
  EXPECT_OK(buffer.Rewind(60));
  EXPECT_THAT(buffer.Rewind(12), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST(ReplayBufferTest, ManySmallPiecesFillItToo) {
  ReplayBuffer buffer(10'000);
  int pieces = 0;
  for (; !buffer.full(); ++pieces) {
    buffer.Append(Frame{.offset = buffer.end() + 1, .data = "x"});
  }
  EXPECT_LT(pieces, 200);
}

TEST(ReplayBufferTest, AgreesWithAPlainStringUnderRandomUse) {
  std::mt19937_64 random(TestSeed());
  std::string all;
  uint64_t durable = 0;
  ReplayBuffer buffer(1000);
  uint64_t position = 0;
  for (int i = 0; i < 20000; ++i) {
    switch (random() % 4) {
      case 0:
        if (!buffer.full()) {
          const std::string piece(1 + random() % 200,
                                  static_cast<char>(random()));
          all += piece;
          buffer.Append(piece);
        }
        break;
      case 1:
        if (const auto frame = buffer.Next()) {
          ASSERT_EQ(frame->offset, position);
          ASSERT_EQ(frame->data, all.substr(position, frame->data.size()));
          position = frame->end();
        } else {
          ASSERT_EQ(position, all.size());
        }
        break;
      case 2:
        durable += random() % (position - std::min(position, durable) + 1);
        buffer.Release(durable);
        break;
      default:
        position = durable + random() % (all.size() - durable + 1);
        ASSERT_OK(buffer.Rewind(position));
        durable = std::min(durable, position);
    }
    ASSERT_LE(buffer.end() - buffer.begin(), 1200u);
  }
}

}  // namespace
}  // namespace cairn::client
