// Runs the simulator over seeds; see README.md.
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "common/log/log.h"
#include "tests/simulator/simulation.h"

namespace cairn::simulator {
namespace {

constexpr size_t kKeptLines = 3000;
constexpr size_t kTraceAll = 1'000'000;

struct Flags {
  uint64_t seeds = 1;
  uint64_t first_seed = 1;
  bool trace = false;
};

bool ParseFlags(int argc, char** argv, Flags& flags) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    const size_t equals = flag.find('=');
    const std::string_view name = flag.substr(0, equals);
    const std::string_view value =
        equals == std::string_view::npos ? "" : flag.substr(equals + 1);
    if (flag == "--trace") {
      flags.trace = true;
    } else if (name == "--seeds" && absl::SimpleAtoi(value, &flags.seeds)) {
    } else if (name == "--first-seed" &&
               absl::SimpleAtoi(value, &flags.first_seed)) {
    } else if (name == "--seed" && absl::SimpleAtoi(value, &flags.first_seed)) {
      flags.seeds = 1;
    } else {
      return false;
    }
  }
  return true;
}

// Again, with its trace.
void Show(uint64_t seed, uint64_t hash) {
  const RunResult again = Simulate({.seed = seed, .kept_lines = kKeptLines});
  for (const std::string& line : again.lines) absl::PrintF("%s\n", line);
  if (again.trace_hash != hash) {
    absl::PrintF("WRONG: the same seed gave another run\n");
  }
}

int Main(int argc, char** argv) {
  Flags flags;
  if (!ParseFlags(argc, argv, flags)) {
    absl::FPrintF(stderr,
                  "simulator [--seeds=N] [--first-seed=N] [--seed=N] "
                  "[--trace]\n");
    return 2;
  }
  RunResult sum;
  const uint64_t end = flags.first_seed + flags.seeds;
  for (uint64_t seed = flags.first_seed; seed < end; ++seed) {
    const RunResult result =
        Simulate({.seed = seed, .kept_lines = flags.trace ? kTraceAll : 0});
    for (const std::string& line : result.lines) absl::PrintF("%s\n", line);
    if (!result.why.empty()) {
      if (!flags.trace) Show(seed, result.trace_hash);
      absl::PrintF("seed %d of %d: %s\n", seed - flags.first_seed + 1,
                   flags.seeds, result.why);
      absl::PrintF("repeat with: simulator --seed=%d --trace\n", seed);
      return 1;
    }
    sum.steps += result.steps;
    sum.published += result.published;
    sum.restored += result.restored;
    sum.sweeps += result.sweeps;
    sum.strokes += result.strokes;
    sum.checks += result.checks;
  }
  absl::PrintF(
      "%d seeds from %d: nothing wrong; %d steps, %d snapshots published, %d "
      "restored, %d sweeps, %d kills and other faults, %d checks\n",
      flags.seeds, flags.first_seed, sum.steps, sum.published, sum.restored,
      sum.sweeps, sum.strokes, sum.checks);
  return 0;
}

}  // namespace
}  // namespace cairn::simulator

int main(int argc, char** argv) {
  // Errors are what is simulated.
  cairn::SetLogLevel(cairn::LogLevel::kError);
  return cairn::simulator::Main(argc, argv);
}
