#include "services/chunk_storage/domain/slot_binding.h"

#include <set>

#include "gtest/gtest.h"

namespace cairn::chunk_storage {
namespace {

Uuid Session(uint16_t number) {
  return {{static_cast<uint8_t>(number), static_cast<uint8_t>(number >> 8), 1}};
}

TEST(SlotBindingTest, SessionsGetSlotsOfTheirOwnWhileThereAreSome) {
  SlotBinding binding(3);
  const std::set<uint32_t> slots = {binding.SlotOf(Session(1)),
                                    binding.SlotOf(Session(2)),
                                    binding.SlotOf(Session(3))};
  EXPECT_EQ(slots.size(), 3u);
  EXPECT_LT(binding.SlotOf(Session(4)), 3u);
}

TEST(SlotBindingTest, ASessionKeepsItsSlot) {
  SlotBinding binding(2);
  const uint32_t slot = binding.SlotOf(Session(1));
  for (uint16_t i = 2; i < 20; ++i) binding.SlotOf(Session(i));
  EXPECT_EQ(binding.SlotOf(Session(1)), slot);
}

TEST(SlotBindingTest, ForgetsTheSessionThatWasIdleForLongest) {
  SlotBinding binding(2);
  const uint32_t slot = binding.SlotOf(Session(0));
  for (uint16_t i = 1; i < 1000; ++i) {
    binding.SlotOf(Session(i));
    ASSERT_EQ(binding.SlotOf(Session(0)), slot);
  }
  // The last 256 share the slots evenly: no slot is thought crowded by
  // sessions that are gone.
  uint32_t in_first = 0;
  for (uint16_t i = 1000; i < 1000 + SlotBinding::kMaxSessions; ++i) {
    in_first += binding.SlotOf(Session(i)) == 0 ? 1 : 0;
  }
  EXPECT_NEAR(in_first, SlotBinding::kMaxSessions / 2, 2);
}

}  // namespace
}  // namespace cairn::chunk_storage
