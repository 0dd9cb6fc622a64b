// What memory allows: the limit that the other stages are read against.
#include <cstring>
#include <string>

#include "benchmark/benchmark.h"
#include "common/chunking/zero_run.h"
#include "tests/benchmark/stages/inputs.h"

namespace cairn {
namespace {

constexpr size_t kBytes = 64 << 20;

void BM_MemoryCopy(benchmark::State& state) {
  const std::string from = MakeInput(InputKind::kZeros, kBytes);
  std::string to(kBytes, '\1');
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), kBytes);
    benchmark::ClobberMemory();
  }
  state.SetBytesProcessed(state.iterations() * kBytes);
}
BENCHMARK(BM_MemoryCopy);

void BM_IsAllZero(benchmark::State& state) {
  const std::string zeros = MakeInput(InputKind::kZeros, kBytes);
  for (auto _ : state) benchmark::DoNotOptimize(IsAllZero(zeros));
  state.SetBytesProcessed(state.iterations() * kBytes);
}
BENCHMARK(BM_IsAllZero);

}  // namespace
}  // namespace cairn
