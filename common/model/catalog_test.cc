#include "common/model/catalog.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "common/model/archive.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

Snapshot WithSizes(const std::vector<uint64_t>& sizes) {
  Snapshot snapshot;
  for (const uint64_t size : sizes) {
    Archive archive;
    archive.root.size_bytes = size;
    snapshot.archives.push_back(std::move(archive));
  }
  return snapshot;
}

TEST(SnapshotTest, SizeIsTheSumOverItsArchives) {
  EXPECT_EQ(WithSizes({}).size_bytes(), 0u);
  EXPECT_EQ(WithSizes({1, 20, 300}).size_bytes(), 321u);
}

TEST(SnapshotTest, SizeBeyondSixtyFourBitsStopsAtTheLargestNumber) {
  const uint64_t half = uint64_t{1} << 63;
  EXPECT_EQ(WithSizes({half, half, 5}).size_bytes(), ~uint64_t{0});
}

}  // namespace
}  // namespace cairn
