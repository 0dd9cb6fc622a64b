#include <string>

#include "benchmark/benchmark.h"
#include "common/digest/sha256.h"
#include "tests/benchmark/stages/inputs.h"

namespace cairn {
namespace {

void BM_Sha256(benchmark::State& state) {
  const std::string input = MakeInput(InputKind::kRandom, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(Sha256(input));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Sha256)->Arg(64 << 10)->Arg(1 << 20)->Arg(4 << 20);

}  // namespace
}  // namespace cairn
