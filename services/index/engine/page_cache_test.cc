#include "services/index/engine/page_cache.h"

#include <optional>
#include <random>
#include <string>

#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

TEST(PageCacheTest, DropsWhatWasNotUsedForLongest) {
  PageCache cache(/*max_bytes=*/3 * 11);
  const std::string page(10, 'p');
  cache.Insert("a", page);
  cache.Insert("b", page);
  cache.Insert("c", page);
  EXPECT_EQ(cache.Find("a"), page);
  cache.Insert("d", page);
  EXPECT_EQ(cache.Find("b"), std::nullopt);
  EXPECT_EQ(cache.Find("a"), page);
  EXPECT_EQ(cache.Find("c"), page);
  EXPECT_EQ(cache.Find("d"), page);
}

TEST(PageCacheTest, KeepsNothingThatIsLargerThanItself) {
  PageCache cache(10);
  cache.Insert("a", "1");
  cache.Insert("b", std::string(10, 'p'));
  EXPECT_EQ(cache.Find("a"), "1");
  EXPECT_EQ(cache.Find("b"), std::nullopt);
  PageCache none(0);
  none.Insert("a", "1");
  EXPECT_EQ(none.Find("a"), std::nullopt);
}

TEST(PageCacheTest, StaysWithinItsBoundAndGivesBackWhatWasPut) {
  std::mt19937_64 random(TestSeed());
  PageCache cache(1000);
  for (int i = 0; i < 5000; ++i) {
    const uint64_t number = random() % 50;
    const std::string key = std::to_string(number);
    if (random() % 2 == 0) {
      cache.Insert(key, std::string(number * 5, 'p'));
    } else {
      const std::optional<std::string> found = cache.Find(key);
      if (found.has_value()) {
        EXPECT_EQ(found->size(), number * 5);
      }
    }
    ASSERT_LE(cache.bytes(), 1000u);
  }
}

}  // namespace
}  // namespace cairn::index
