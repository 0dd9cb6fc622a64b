#include <string>

#include "absl/status/statusor.h"
#include "benchmark/benchmark.h"
#include "common/compression/zstd.h"
#include "common/log/log.h"
#include "common/model/record.h"
#include "tests/benchmark/stages/inputs.h"

namespace cairn {
namespace {

constexpr size_t kChunkBytes = 1 << 20;
// Some chunks in turn, so that none stays in the caches.
constexpr size_t kChunks = 16;

std::string_view ChunkOf(const std::string& input, size_t number) {
  return std::string_view(input).substr(number % kChunks * kChunkBytes,
                                        kChunkBytes);
}

void BM_EncodeChunk(benchmark::State& state) {
  const auto kind = static_cast<InputKind>(state.range(0));
  const std::string input = MakeInput(kind, kChunks * kChunkBytes);
  size_t done = 0;
  double stored = 0;
  for (auto _ : state) {
    const EncodedPayload encoded =
        EncodeChunk(ChunkOf(input, done++), static_cast<int>(state.range(1)));
    stored += encoded.payload.size();
  }
  state.SetBytesProcessed(done * kChunkBytes);
  state.SetLabel(InputKindName(kind));
  state.counters["stored_share"] = stored / (done * kChunkBytes);
}
BENCHMARK(BM_EncodeChunk)
    ->ArgNames({"input", "level"})
    ->ArgsProduct({{1, 2}, {1, 3}});

void BM_DecodePayload(benchmark::State& state) {
  const auto kind = static_cast<InputKind>(state.range(0));
  const std::string input = MakeInput(kind, kChunkBytes);
  const EncodedPayload encoded =
      EncodeChunk(input, static_cast<int>(state.range(1)));
  for (auto _ : state) {
    const absl::StatusOr<std::string> plain =
        DecodePayload(encoded.encoding, encoded.payload, kChunkBytes);
    CHECK_OK(plain.status());
  }
  state.SetBytesProcessed(state.iterations() * kChunkBytes);
  state.SetLabel(InputKindName(kind));
}
BENCHMARK(BM_DecodePayload)
    ->ArgNames({"input", "level"})
    ->ArgsProduct({{1, 2}, {1, 3}});

}  // namespace
}  // namespace cairn
