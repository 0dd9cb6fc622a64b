#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/digest/sha256.h"
#include "common/digest/sha256_batch.h"
#include "tests/benchmark/stages/cpu_time.h"
#include "tests/benchmark/stages/inputs.h"

namespace cairn {
namespace {

void BM_Sha256(benchmark::State& state) {
  const std::string input = MakeInput(InputKind::kRandom, state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(Sha256(input));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(BM_Sha256)->Arg(64 << 10)->Arg(1 << 20)->Arg(4 << 20);

// Some messages at once; all times are CPU time of the thread. times_openssl:
// the time of the batch over that of OpenSSL, one message after another.
void BM_Sha256Batch(benchmark::State& state) {
  const auto count = static_cast<size_t>(state.range(0));
  const size_t size_bytes = static_cast<size_t>(state.range(1)) << 10;
  const std::string input = MakeInput(InputKind::kRandom, count * size_bytes);
  std::vector<std::string_view> messages;
  for (size_t i = 0; i < count; ++i) {
    messages.emplace_back(input.data() + i * size_bytes, size_bytes);
  }
  std::vector<Digest> digests(count);
  absl::Duration batch;
  absl::Duration openssl;
  for (auto _ : state) {
    const absl::Duration taken =
        CpuTimeOf([&] { Sha256Batch(messages, digests); });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
    batch += taken;
    openssl += CpuTimeOf([&] {
      for (size_t i = 0; i < count; ++i) digests[i] = Sha256(messages[i]);
    });
  }
  const auto bytes = static_cast<double>(state.iterations() * input.size());
  state.SetBytesProcessed(state.iterations() * input.size());
  state.counters["openssl_bytes_per_second"] =
      bytes / absl::ToDoubleSeconds(openssl);
  state.counters["times_openssl"] = absl::FDivDuration(batch, openssl);
}
BENCHMARK(BM_Sha256Batch)
    ->ArgNames({"messages", "KiB"})
    ->ArgsProduct({{2, 4, 8}, {64, 256, 1 << 10, 4 << 10}})
    ->UseManualTime();

}  // namespace
}  // namespace cairn
