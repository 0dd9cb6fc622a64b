#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

namespace cairn::simulator {

struct RunOptions {
  uint64_t seed = 1;
  size_t kept_lines = 0;  // of the trace
};

struct RunResult {
  std::string why;  // empty: nothing is wrong
  uint64_t trace_hash = 0;
  std::deque<std::string> lines;  // the last of them
  uint64_t steps = 0;
  uint64_t published = 0;
  uint64_t restored = 0;
  uint64_t sweeps = 0;
  uint64_t strokes = 0;  // of chaos
  uint64_t checks = 0;
};

// One run, which depends on the seed alone. One at a time.
RunResult Simulate(const RunOptions& options);

}  // namespace cairn::simulator
