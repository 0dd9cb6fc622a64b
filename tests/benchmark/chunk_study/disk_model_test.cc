#include "tests/benchmark/chunk_study/disk_model.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::study {
namespace {

constexpr DiskModel kRotating = {"rotating", 10e-3, 170e6};
constexpr DiskModel kFlash = {"flash", 0.05e-3, 500e6};

// Its record takes 1024 bytes.
StoredChunk ChunkAt(uint32_t pack, uint64_t offset) {
  return {.pack = pack, .offset = offset, .stored_length = 896};
}

// They are rounded in ways of their own: 5 %.
TEST(DiskModelTest, FormulaIsThatOfTheSeeds) {
  struct Line {
    DiskModel disk;
    double chunk_bytes;
    double expected;  // MB/s
  };
  for (const Line& line : {Line{kRotating, 4e6, 115.37},
                           {kRotating, 1e6, 61.85},
                           {kRotating, 64e3, 6.02},
                           {kFlash, 4e6, 474},
                           {kFlash, 1e6, 465},
                           {kFlash, 64e3, 354}}) {
    EXPECT_NEAR(line.disk.FormulaSpeed(line.chunk_bytes) / 1e6, line.expected,
                line.expected / 20)
        << line.disk.name << ", " << line.chunk_bytes;
  }
}

TEST(DiskModelTest, GoesOnForFree) {
  const std::vector<StoredChunk> chunks = {ChunkAt(1, 4096), ChunkAt(1, 5120),
                                           ChunkAt(1, 6144)};
  const ModelReads reads = ReadInOrder(kRotating, chunks);
  EXPECT_EQ(reads.seeks, 1);
  EXPECT_EQ(reads.bytes, 3 * 1024);
  EXPECT_NEAR(reads.seconds, 10e-3 + 3 * 1024 / 170e6, 1e-9);
}

TEST(DiskModelTest, ReadsOverASmallGapAndSeeksOverALargeOne) {
  const std::vector<StoredChunk> near = {ChunkAt(1, 4096), ChunkAt(1, 65536)};
  EXPECT_EQ(ReadInOrder(kRotating, near).seeks, 1);
  const std::vector<StoredChunk> far = {ChunkAt(1, 4096), ChunkAt(1, 4 << 20)};
  EXPECT_EQ(ReadInOrder(kRotating, far).seeks, 2);
}

TEST(DiskModelTest, SeeksBackwardsAndToAnotherPack) {
  const std::vector<StoredChunk> chunks = {ChunkAt(1, 5120), ChunkAt(1, 4096),
                                           ChunkAt(2, 5120)};
  EXPECT_EQ(ReadInOrder(kRotating, chunks).seeks, 3);
}

TEST(DiskModelTest, OrdersWithinWindowsOnly) {
  const std::vector<StoredChunk> chunks = {ChunkAt(3, 4096), ChunkAt(2, 4096),
                                           ChunkAt(1, 4096)};
  const auto packs_of = [](const std::vector<StoredChunk>& ordered) {
    std::vector<uint32_t> packs;
    for (const StoredChunk& chunk : ordered) packs.push_back(chunk.pack);
    return packs;
  };
  EXPECT_THAT(packs_of(InWindows(chunks, 2 * 896)),
              testing::ElementsAre(2, 3, 1));
  EXPECT_THAT(packs_of(InWindows(chunks, 1)), testing::ElementsAre(3, 2, 1));
}

}  // namespace
}  // namespace cairn::study
