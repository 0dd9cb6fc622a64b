#include "common/random/sample_input.h"

#include <string>

#include "common/compression/zstd.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

constexpr size_t kBytes = 1 << 20;

TEST(SampleInputTest, IsTheSameEveryTimeAndAsLongAsAskedFor) {
  for (const InputKind kind :
       {InputKind::kZeros, InputKind::kText, InputKind::kRandom}) {
    const std::string input = MakeInput(kind, kBytes);
    EXPECT_EQ(input.size(), kBytes);
    EXPECT_TRUE(input == MakeInput(kind, kBytes)) << InputKindName(kind);
    EXPECT_EQ(MakeInput(kind, 0), "");
  }
}

// What is measured with it would mean nothing otherwise.
TEST(SampleInputTest, CompressesAsItsKindDoes) {
  const auto share = [](InputKind kind) {
    return static_cast<double>(
               ZstdCompress(MakeInput(kind, kBytes), kDefaultZstdLevel)
                   .size()) /
           kBytes;
  };
  EXPECT_LT(share(InputKind::kZeros), 0.01);
  EXPECT_GT(share(InputKind::kText), 0.15);
  EXPECT_LT(share(InputKind::kText), 0.6);
  EXPECT_GT(share(InputKind::kRandom), 0.99);
}

}  // namespace
}  // namespace cairn
