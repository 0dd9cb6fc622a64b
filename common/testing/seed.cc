#include "common/testing/seed.h"

#include <cstdlib>
#include <iostream>
#include <random>
#include <string>

#include "absl/strings/numbers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

uint64_t ChooseSeed() {
  uint64_t seed = 0;
  const char* given = std::getenv("CAIRN_TEST_SEED");
  if (given != nullptr && absl::SimpleAtoi(given, &seed)) return seed;
  // 32 bits are enough, and short to type.
  return std::random_device()();
}

}  // namespace

uint64_t TestSeed() {
  static const uint64_t seed = ChooseSeed();
  std::cerr << "CAIRN_TEST_SEED=" << seed << std::endl;
  ::testing::Test::RecordProperty("CAIRN_TEST_SEED", std::to_string(seed));
  return seed;
}

}  // namespace cairn
