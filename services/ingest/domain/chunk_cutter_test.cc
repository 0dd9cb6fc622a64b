#include "services/ingest/domain/chunk_cutter.h"

#include <algorithm>
#include <random>
#include <string>

#include "common/chunking/chunker.h"
#include "common/model/archive.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"

namespace cairn::ingest {
namespace {

constexpr uint32_t kKiB = 1024;

ChunkCutter NewCutter(const ChunkerSpec& spec, uint64_t offset = 0) {
  return ChunkCutter(*NewChunker(spec), offset);
}

std::string Join(const CutChunk& chunk) {
  std::string bytes;
  for (const BytePiece& piece : chunk.pieces) bytes.append(piece.bytes);
  return bytes;
}

std::shared_ptr<const std::string> Own(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}

TEST(ChunkCutterTest, ChunksDoNotDependOnHowTheBytesArrive) {
  std::mt19937_64 random(TestSeed());
  const ChunkerSpec spec{"poly-v1", 4 * kKiB, 16 * kKiB, 64 * kKiB};
  std::string bytes(1'000'000, 0);
  for (char& byte : bytes) byte = static_cast<char>(random());

  std::vector<std::vector<std::string>> cuts;
  for (const size_t max_frame : {size_t{1} << 20, size_t{5000}, size_t{7}}) {
    ChunkCutter cutter = NewCutter(spec);
    std::vector<std::string>& cut = cuts.emplace_back();
    uint64_t expected_offset = 0;
    const auto take = [&](const CutChunk& chunk) {
      EXPECT_EQ(chunk.offset, expected_offset);
      cut.push_back(Join(chunk));
      EXPECT_EQ(chunk.length, cut.back().size());
      expected_offset += chunk.length;
    };
    for (size_t at = 0; at < bytes.size();) {
      const size_t size =
          std::min<size_t>(1 + random() % max_frame, bytes.size() - at);
      const auto frame = Own(bytes.substr(at, size));
      for (const CutChunk& chunk : cutter.Add(frame, *frame)) take(chunk);
      at += size;
      EXPECT_EQ(cutter.boundary(), expected_offset);
    }
    if (const auto last = cutter.Cut()) take(*last);
    EXPECT_EQ(expected_offset, bytes.size());
  }
  EXPECT_GT(cuts[0].size(), 20u);
  EXPECT_EQ(cuts[0], cuts[1]);
  EXPECT_EQ(cuts[0], cuts[2]);
}

TEST(ChunkCutterTest, ABufferLivesUntilItsLastChunkGoes) {
  ChunkCutter cutter = NewCutter({"fixed-v1", 4 * kKiB, 4 * kKiB, 4 * kKiB});
  std::weak_ptr<const std::string> watched;
  std::vector<CutChunk> chunks;
  {
    const auto frame = Own(std::string(10 * kKiB, 'x'));
    watched = frame;
    chunks = cutter.Add(frame, *frame);
  }
  EXPECT_EQ(chunks.size(), 2u);
  chunks.clear();
  EXPECT_FALSE(watched.expired());  // 2 KiB belong to the next chunk
  EXPECT_EQ(cutter.Cut()->length, 2 * kKiB);
  EXPECT_TRUE(watched.expired());
}

TEST(ChunkCutterTest, PiecesThatFollowEachOtherInABufferAreOne) {
  ChunkCutter cutter = NewCutter({"fixed-v1", 4 * kKiB, 4 * kKiB, 4 * kKiB});
  const auto block = Own(std::string(4 * kKiB, 'x'));
  const std::string_view bytes = *block;
  for (size_t at = 0; at + 1 < bytes.size(); ++at) {
    EXPECT_TRUE(cutter.Add(block, bytes.substr(at, 1)).empty());
  }
  const std::vector<CutChunk> chunks =
      cutter.Add(block, bytes.substr(bytes.size() - 1));
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0].pieces.size(), 1u);
}

TEST(ChunkCutterTest, AHoleIsABoundary) {
  ChunkCutter cutter =
      NewCutter({"fixed-v1", 4 * kKiB, 4 * kKiB, 4 * kKiB}, 8 * kKiB);
  EXPECT_FALSE(cutter.Cut().has_value());
  const auto frame = Own(std::string(1000, 'x'));
  EXPECT_TRUE(cutter.Add(frame, *frame).empty());
  EXPECT_EQ(cutter.boundary(), 8 * kKiB);
  const auto last = cutter.Cut();
  ASSERT_TRUE(last.has_value());
  EXPECT_EQ(last->offset, 8 * kKiB);
  EXPECT_EQ(last->length, 1000u);
  cutter.SkipHole(5);
  EXPECT_EQ(cutter.boundary(), 8 * kKiB + 1005);
  // The chunk behind it ends where it would have without the hole.
  const auto whole = Own(std::string(8 * kKiB, 'y'));
  const auto chunks = cutter.Add(whole, *whole);
  ASSERT_EQ(chunks.size(), 2u);
  EXPECT_EQ(chunks[0].offset, 8 * kKiB + 1005);
  EXPECT_EQ(chunks[1].offset, 12 * kKiB);
}

// Also one that begins in the middle, as after a resume.
TEST(ChunkCutterTest, AFixedChunkEndsAtAMultiple) {
  ChunkCutter cutter =
      NewCutter({"fixed-v1", 4 * kKiB, 4 * kKiB, 4 * kKiB}, 5 * kKiB);
  const auto frame = Own(std::string(4 * kKiB, 'x'));
  const auto chunks = cutter.Add(frame, *frame);
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0].length, 3 * kKiB);
}

}  // namespace
}  // namespace cairn::ingest
