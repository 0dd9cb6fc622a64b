#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/chunking/chunker.h"
#include "common/chunking/poly_chunker.h"
#include "common/log/log.h"
#include "common/model/archive.h"
#include "tests/benchmark/stages/cpu_time.h"
#include "tests/benchmark/stages/inputs.h"

namespace cairn {
namespace {

constexpr size_t kBytes = 64 << 20;
// As bytes come from a stream.
constexpr size_t kPieceBytes = 256 << 10;

// Returns how many chunks end.
uint64_t CutAll(const std::string& input, Chunker& chunker) {
  uint64_t chunks = 0;
  chunker.Reset(0);
  for (size_t done = 0; done < kBytes; done += kPieceBytes) {
    std::string_view piece(input.data() + done, kPieceBytes);
    while (const size_t used = chunker.Scan(piece)) {
      ++chunks;
      piece.remove_prefix(used);
    }
  }
  return chunks;
}

// All times are CPU time of the thread. times_limit: over that of copying the
// same pieces, each to the same place.
void Cut(Chunker& chunker, benchmark::State& state) {
  const auto kind = static_cast<InputKind>(state.range(0));
  const std::string input = MakeInput(kind, kBytes);
  std::string piece(kPieceBytes, '\0');
  uint64_t chunks = 0;
  absl::Duration cut;
  absl::Duration limit;
  for (auto _ : state) {
    const absl::Duration taken =
        CpuTimeOf([&] { chunks += CutAll(input, chunker); });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
    cut += taken;
    limit += CpuTimeOf([&] {
      for (size_t done = 0; done < kBytes; done += kPieceBytes) {
        std::memcpy(piece.data(), input.data() + done, kPieceBytes);
        benchmark::ClobberMemory();
      }
    });
  }
  const double bytes = static_cast<double>(state.iterations()) * kBytes;
  state.SetBytesProcessed(state.iterations() * kBytes);
  state.SetLabel(InputKindName(kind));
  state.counters["mean_chunk_bytes"] = chunks == 0 ? 0.0 : bytes / chunks;
  state.counters["limit_bytes_per_second"] =
      bytes / absl::ToDoubleSeconds(limit);
  state.counters["times_limit"] = absl::FDivDuration(cut, limit);
}

void CutBy(const ChunkerSpec& spec, benchmark::State& state) {
  auto chunker = NewChunker(spec);
  CHECK_OK(chunker.status());
  Cut(**chunker, state);
}

void BM_PolyChunker(benchmark::State& state) {
  CutBy(DefaultChunkerSpec(ArchiveKind::kStream), state);
}
BENCHMARK(BM_PolyChunker)->DenseRange(0, 2)->UseManualTime();

// Nearly every byte is looked at: the loop itself.
void BM_PolyChunkerSmallMin(benchmark::State& state) {
  CutBy({"poly-v1", 4 << 10, 1 << 20, 4 << 20}, state);
}
BENCHMARK(BM_PolyChunkerSmallMin)->DenseRange(0, 2)->UseManualTime();

// On a processor without the vectors that the others use.
void BM_PolyChunkerPortable(benchmark::State& state) {
  PolyChunker chunker(DefaultChunkerSpec(ArchiveKind::kStream),
                      PolyMethod::kPortable);
  Cut(chunker, state);
}
BENCHMARK(BM_PolyChunkerPortable)->DenseRange(0, 2)->UseManualTime();

void BM_FixedChunker(benchmark::State& state) {
  CutBy(DefaultChunkerSpec(ArchiveKind::kImage), state);
}
// It looks at no byte: counted by time alone it would run for ever.
BENCHMARK(BM_FixedChunker)->Arg(2)->Iterations(64)->UseManualTime();

}  // namespace
}  // namespace cairn
