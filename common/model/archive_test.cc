#include "common/model/archive.h"

#include "gtest/gtest.h"

namespace cairn {
namespace {

// The numbers are on disk and on the wire.
TEST(ArchiveKindTest, NumbersAndNamesNeverChange) {
  EXPECT_EQ(static_cast<int>(ArchiveKind::kStream), 1);
  EXPECT_EQ(static_cast<int>(ArchiveKind::kImage), 2);
  EXPECT_EQ(static_cast<int>(ArchiveKind::kBlob), 3);
  EXPECT_EQ(ArchiveKindName(ArchiveKind::kStream), "stream");
  EXPECT_EQ(ArchiveKindName(ArchiveKind::kImage), "image");
  EXPECT_EQ(ArchiveKindName(ArchiveKind::kBlob), "blob");
  EXPECT_EQ(ArchiveKindName(static_cast<ArchiveKind>(9)), "unknown");
}

TEST(ChunkEntryTest, TotalLengthCountsRepeats) {
  EXPECT_EQ((ChunkEntry{.length = 5, .repeat = 3}).total_length(), 15u);
  EXPECT_EQ(
      (ChunkEntry{.is_hole = true, .length = uint64_t{1} << 50}).total_length(),
      uint64_t{1} << 50);
}

}  // namespace
}  // namespace cairn
