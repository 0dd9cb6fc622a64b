// Runs of the simulator: nothing is wrong in any of them, and each is its seed
// alone. SIMULATOR_SEEDS says how many.
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <string>

#include "absl/strings/numbers.h"
#include "common/log/log.h"
#include "gtest/gtest.h"
#include "tests/simulator/simulation.h"

namespace cairn::simulator {
namespace {

constexpr size_t kShownLines = 300;
// What a run is about happens in all runs together, if not in each.
constexpr uint64_t kLeastSnapshots = 2;  // of a run, on average

class SimulatorTest : public testing::Test {
 protected:
  // Errors are what is simulated.
  static void SetUpTestSuite() { SetLogLevel(LogLevel::kError); }

  static uint64_t Seeds() {
    const char* const text = std::getenv("SIMULATOR_SEEDS");
    uint64_t seeds = 0;
    return text != nullptr && absl::SimpleAtoi(text, &seeds) ? seeds : 100;
  }
  // The same run again, with what happened last in it.
  static void Show(uint64_t seed) {
    for (const std::string& line :
         Simulate({.seed = seed, .kept_lines = kShownLines}).lines) {
      std::cout << line << "\n";
    }
    std::cout << "repeat with: bazel run //tests/simulator -- --seed=" << seed
              << " --trace\n";
  }
};

TEST_F(SimulatorTest, ARunIsItsSeedAlone) {
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const RunResult first = Simulate({.seed = seed});
    const RunResult second = Simulate({.seed = seed, .kept_lines = 10});
    EXPECT_EQ(first.trace_hash, second.trace_hash) << "seed " << seed;
    EXPECT_EQ(first.steps, second.steps);
    EXPECT_NE(first.trace_hash, Simulate({.seed = seed + 1}).trace_hash);
  }
}

TEST_F(SimulatorTest, NothingIsWrong) {
  const uint64_t seeds = Seeds();
  uint64_t published = 0;
  uint64_t restored = 0;
  uint64_t sweeps = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    const RunResult run = Simulate({.seed = seed});
    published += run.published;
    restored += run.restored;
    sweeps += run.sweeps;
    if (run.why.empty()) continue;
    Show(seed);
    FAIL() << "seed " << seed << " of " << seeds << ": " << run.why;
  }
  EXPECT_GE(published, kLeastSnapshots * seeds);
  EXPECT_GE(restored, seeds);
  EXPECT_GE(sweeps, kLeastSnapshots * seeds);
}

}  // namespace
}  // namespace cairn::simulator
