#include "tests/benchmark/chunk_study/stored_chunks.h"

#include <string>
#include <vector>

#include "common/chunking/chunker.h"
#include "common/pack/pack_format.h"
#include "common/random/sample_input.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "tests/benchmark/chunk_study/archive_cut.h"

namespace cairn::study {
namespace {

constexpr uint32_t kChunkBytes = 64 << 10;

ArchiveCut Cut(const std::string& bytes) {
  auto cut = CutArchive(SpecOf("fixed-v1", kChunkBytes, 1, 1), bytes);
  EXPECT_OK(cut.status());
  return *std::move(cut);
}

TEST(StoredChunksTest, StoresADifferentChunkOnceAndHolesNever) {
  const std::string random = MakeInput(InputKind::kRandom, kChunkBytes);
  const std::string bytes = random + std::string(kChunkBytes, '\0') + random;
  const ArchiveCut cut = Cut(bytes);
  EXPECT_EQ(cut.chunks, 2);
  EXPECT_EQ(cut.hole_bytes, kChunkBytes);
  StoredChunks chunks(3);
  const auto growth = chunks.Add(bytes, cut.entries);
  ASSERT_OK(growth.status());
  EXPECT_EQ(growth->chunks, 1);
  EXPECT_EQ(growth->stored_bytes, RecordExtent(kChunkBytes) + kPackEntryBytes);
  const std::vector<StoredChunk> found = chunks.Find(cut.entries);
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0].number, 0);
  EXPECT_EQ(found[0].offset, kPackBlockBytes);
  EXPECT_EQ(found[1].offset, kPackBlockBytes);
}

TEST(StoredChunksTest, GrowsByWhatIsNew) {
  std::string bytes = MakeInput(InputKind::kRandom, 8 * kChunkBytes);
  StoredChunks chunks(3);
  ASSERT_OK(chunks.Add(bytes, Cut(bytes).entries).status());
  bytes[3 * kChunkBytes] ^= 1;
  const auto growth = chunks.Add(bytes, Cut(bytes).entries);
  ASSERT_OK(growth.status());
  EXPECT_EQ(growth->chunks, 1);
  EXPECT_EQ(growth->plain_bytes, kChunkBytes);
}

TEST(StoredChunksTest, SaysIfEntriesAreOfOtherBytes) {
  const std::string bytes = MakeInput(InputKind::kRandom, kChunkBytes);
  const std::string other = MakeInput(InputKind::kText, kChunkBytes);
  StoredChunks chunks(3);
  EXPECT_EQ(chunks.Add(other, Cut(bytes).entries).status().code(),
            absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace cairn::study
