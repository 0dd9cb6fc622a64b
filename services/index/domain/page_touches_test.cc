#include "services/index/domain/page_touches.h"

#include <algorithm>
#include <map>
#include <random>

#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

Digest Page(uint64_t number) {
  Digest digest;
  for (int i = 0; i < 8; ++i) {
    digest.bytes[static_cast<size_t>(i)] =
        static_cast<uint8_t>(number >> (8 * i));
  }
  return digest;
}

TEST(PageTouchesTest, KeepsTheHighestTouch) {
  PageTouches touches(/*floor=*/3, /*max_pages=*/100);
  EXPECT_EQ(touches.Get(Page(1)), 3u);
  touches.Raise(Page(1), 7);
  touches.Raise(Page(1), 5);
  touches.Raise(Page(2), 2);
  EXPECT_EQ(touches.Get(Page(1)), 7u);
  EXPECT_EQ(touches.Get(Page(2)), 3u);
}

TEST(PageTouchesTest, PagesThatShareAShortIdShareTheHigherTouch) {
  PageTouches touches(0, 100);
  Digest other = Page(1);
  other.bytes[31] = 1;
  touches.Raise(Page(1), 7);
  touches.Raise(other, 9);
  EXPECT_EQ(touches.Get(Page(1)), 9u);
}

TEST(PageTouchesTest, ForgetsWhatTheFenceMadeMeaningless) {
  PageTouches touches(0, 100);
  touches.Raise(Page(1), 7);
  touches.Raise(Page(2), 8);
  touches.DiscardBelow(8);
  EXPECT_EQ(touches.size(), 1u);
  EXPECT_EQ(touches.Get(Page(2)), 8u);
}

TEST(PageTouchesTest, NeverReadsLowerThanItIsHoweverLittleMemoryThereIs) {
  std::mt19937_64 random(TestSeed());
  PageTouches touches(0, 16);
  std::map<uint64_t, uint64_t> truth;
  uint64_t epoch = 1;
  for (int i = 0; i < 10000; ++i) {
    if (random() % 50 == 0) ++epoch;
    const uint64_t page = random() % 200;
    const uint64_t touched = epoch - random() % std::min<uint64_t>(epoch, 3);
    touches.Raise(Page(page), touched);
    truth[page] = std::max(truth[page], touched);
    ASSERT_LE(touches.size(), 16u);
    const uint64_t looked_at = random() % 200;
    ASSERT_GE(touches.Get(Page(looked_at)), truth[looked_at]);
    ASSERT_LE(touches.Get(Page(looked_at)), epoch);
  }
}

}  // namespace
}  // namespace cairn::index
