#include "services/chunk_storage/domain/touch_table.h"

#include <algorithm>
#include <map>
#include <random>
#include <utility>

#include "common/pack/pack_format.h"
#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn::chunk_storage {
namespace {

TEST(TouchTableTest, KeepsTheHighestEpochOfEachRecord) {
  TouchTable table(1 << 20);
  table.Raise(1, 0, 5);
  table.Raise(1, 0, 3);
  table.Raise(1, 2, 7);
  EXPECT_EQ(table.Get(1, 0), 5u);
  EXPECT_EQ(table.Get(1, 1), 0u);
  EXPECT_EQ(table.Get(1, 2), 7u);
  EXPECT_EQ(table.Get(1, 99), 0u);
  EXPECT_EQ(table.Get(2, 0), 0u);
}

TEST(TouchTableTest, TheFloorHoldsForEveryRecordAndNeverFalls) {
  TouchTable table(1 << 20);
  table.Raise(1, 0, 9);
  table.RaiseFloor(6);
  table.RaiseFloor(4);
  EXPECT_EQ(table.floor(), 6u);
  EXPECT_EQ(table.Get(1, 0), 9u);
  EXPECT_EQ(table.Get(1, 1), 6u);
  EXPECT_EQ(table.Get(8, 8), 6u);
}

TEST(TouchTableTest, AnEpochBeyondFourBytesRaisesTheWholePack) {
  TouchTable table(1 << 20);
  const uint64_t large = uint64_t{1} << 40;
  table.Raise(1, 3, large);
  EXPECT_EQ(table.Get(1, 3), large);
  EXPECT_EQ(table.Get(1, 4), large);
  EXPECT_EQ(table.Get(2, 3), 0u);
}

TEST(TouchTableTest, AnOrdinalBeyondAllPacksCostsNoMemory) {
  TouchTable table(1 << 20);
  table.Raise(1, 0xffffffff, 4);
  EXPECT_EQ(table.Get(1, 0xffffffff), 4u);
  EXPECT_EQ(table.memory_bytes(), 0u);
}

TEST(TouchTableTest, ADroppedPackIsForgotten) {
  TouchTable table(1 << 20);
  table.Raise(1, 100, 4);
  EXPECT_GT(table.memory_bytes(), 0u);
  table.DropPack(1);
  table.DropPack(7);
  EXPECT_EQ(table.memory_bytes(), 0u);
  EXPECT_EQ(table.Get(1, 100), 0u);
}

TEST(TouchTableTest, CoarseningStaysBelowTheLimitAndKeepsMoreNeverLess) {
  std::mt19937_64 random(TestSeed());
  constexpr uint64_t kLimit = 64 << 10;
  TouchTable table(kLimit);
  std::map<std::pair<uint32_t, uint32_t>, uint64_t> exact;
  for (int i = 0; i < 200000; ++i) {
    const auto pack = static_cast<uint32_t>(random() % 40);
    const auto ordinal = static_cast<uint32_t>(random() % 4000);
    const uint64_t epoch = 1 + random() % 1000;
    table.Raise(pack, ordinal, epoch);
    uint64_t& touch = exact[{pack, ordinal}];
    touch = std::max(touch, epoch);
    ASSERT_LE(table.memory_bytes(), kLimit);
  }
  for (const auto& [record, epoch] : exact) {
    ASSERT_GE(table.Get(record.first, record.second), epoch);
  }
}

}  // namespace
}  // namespace cairn::chunk_storage
