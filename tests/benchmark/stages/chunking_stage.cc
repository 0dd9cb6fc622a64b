#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "benchmark/benchmark.h"
#include "common/chunking/chunker.h"
#include "common/log/log.h"
#include "common/model/archive.h"
#include "tests/benchmark/stages/inputs.h"

namespace cairn {
namespace {

constexpr size_t kBytes = 64 << 20;
// As bytes come from a stream.
constexpr size_t kPieceBytes = 256 << 10;

void Cut(const ChunkerSpec& spec, benchmark::State& state) {
  const auto kind = static_cast<InputKind>(state.range(0));
  const std::string input = MakeInput(kind, kBytes);
  auto chunker = NewChunker(spec);
  CHECK_OK(chunker.status());
  uint64_t chunks = 0;
  for (auto _ : state) {
    (*chunker)->Reset(0);
    for (size_t done = 0; done < kBytes; done += kPieceBytes) {
      std::string_view piece(input.data() + done, kPieceBytes);
      while (const size_t used = (*chunker)->Scan(piece)) {
        ++chunks;
        piece.remove_prefix(used);
      }
    }
  }
  state.SetBytesProcessed(state.iterations() * kBytes);
  state.SetLabel(InputKindName(kind));
  state.counters["mean_chunk_bytes"] =
      chunks == 0 ? 0.0
                  : static_cast<double>(state.iterations()) * kBytes / chunks;
}

void BM_GearChunker(benchmark::State& state) {
  Cut(DefaultChunkerSpec(ArchiveKind::kStream), state);
}
BENCHMARK(BM_GearChunker)->DenseRange(0, 2);

// Nearly every byte is looked at: the loop itself.
void BM_GearChunkerSmallMin(benchmark::State& state) {
  Cut({"gear-v1", 4 << 10, 1 << 20, 4 << 20}, state);
}
BENCHMARK(BM_GearChunkerSmallMin)->DenseRange(0, 2);

void BM_FixedChunker(benchmark::State& state) {
  Cut(DefaultChunkerSpec(ArchiveKind::kImage), state);
}
BENCHMARK(BM_FixedChunker)->Arg(2);

}  // namespace
}  // namespace cairn
