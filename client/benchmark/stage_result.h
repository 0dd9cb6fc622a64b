#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace cairn::client {

// How large and how often the stages of a benchmark run.
struct BenchmarkSize {
  uint64_t bytes = uint64_t{32} << 20;  // of a run
  int runs = 3;                         // 1..
};

// What one stage took.
struct StageResult {
  std::string name;    // for programs: "sha256"
  std::string text;    // for people, what was done
  uint64_t bytes = 0;  // of a run
  std::vector<absl::Duration> runs;
};

// The middle one; of an even number, that after the middle. None: zero.
absl::Duration Median(std::vector<absl::Duration> durations);

}  // namespace cairn::client
