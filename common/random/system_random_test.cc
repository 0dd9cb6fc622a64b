#include "common/random/system_random.h"

#include <cstdint>
#include <set>

#include "absl/random/random.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(SystemRandomTest, GeneratorsAreSeededApart) {
  std::set<uint64_t> drawn;
  for (int i = 0; i < 100; ++i) {
    absl::BitGen random = NewSystemBitGen();
    drawn.insert(absl::Uniform<uint64_t>(random));
  }
  EXPECT_EQ(drawn.size(), 100u);
}

}  // namespace
}  // namespace cairn
