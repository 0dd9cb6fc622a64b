#include "services/index/storage/radix_sort.h"

#include <algorithm>
#include <random>
#include <vector>

#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

TEST(RadixSortTest, SortsAsStdSortDoes) {
  std::mt19937_64 random(TestSeed());
  for (const size_t size : {0, 1, 2, 511, 512, 513, 5000, 70000}) {
    // All bits, a few low ones, a few high ones, some that differ only below
    // what the digits tell, all the same.
    for (const uint64_t mask :
         {~uint64_t{0}, uint64_t{0x3ff}, uint64_t{0xff00ff} << 40,
          uint64_t{0xff000000000fffff}, uint64_t{0}}) {
      std::vector<uint64_t> keys(size);
      for (uint64_t& key : keys) key = random() & mask;
      std::vector<uint64_t> expected = keys;
      std::sort(expected.begin(), expected.end());
      std::vector<uint64_t> scratch(size);
      RadixSort(keys, scratch);
      EXPECT_EQ(keys, expected) << size << " " << mask;
    }
  }
}

}  // namespace
}  // namespace cairn::index
