#include "client/benchmark/local_stages.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "common/chunking/chunker.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/random/sample_input.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr uint64_t kBlockBytes = uint64_t{1} << 20;
// In turn, so that none stays in the caches of the processor.
constexpr uint64_t kBlocks = 16;

// One input in blocks that are as long as a chunk.
class Blocks {
 public:
  explicit Blocks(InputKind kind)
      : bytes_(MakeInput(kind, kBlocks * kBlockBytes)) {}
  std::string_view at(uint64_t number) const {
    return std::string_view(bytes_).substr(number % kBlocks * kBlockBytes,
                                           kBlockBytes);
  }

 private:
  const std::string bytes_;
};

// Measures stages one after another.
class LocalBenchmark {
 public:
  LocalBenchmark(const BenchmarkSize& size, const Clock& clock,
                 const Interrupt& interrupt)
      : blocks_((size.bytes + kBlockBytes - 1) / kBlockBytes),
        runs_(size.runs),
        clock_(clock),
        interrupt_(interrupt) {}

  // `step(n)` does the work of block n.
  absl::Status Measure(std::string name, std::string text,
                       absl::FunctionRef<absl::Status(uint64_t)> step) {
    StageResult result = {.name = std::move(name),
                          .text = std::move(text),
                          .bytes = blocks_ * kBlockBytes};
    for (int run = 0; run < runs_; ++run) {
      const absl::Duration start = clock_.Monotonic();
      for (uint64_t block = 0; block < blocks_; ++block) {
        RETURN_IF_ERROR(interrupt_.Check());
        RETURN_IF_ERROR(step(block));
      }
      result.runs.push_back(clock_.Monotonic() - start);
    }
    results_.push_back(std::move(result));
    return absl::OkStatus();
  }

  std::vector<StageResult> TakeResults() { return std::move(results_); }

 private:
  const uint64_t blocks_;
  const int runs_;
  const Clock& clock_;
  const Interrupt& interrupt_;
  std::vector<StageResult> results_;
};

absl::Status MeasureCuts(const ChunkerSpec& spec, std::string_view use,
                         std::string_view note, const Blocks& input,
                         LocalBenchmark& benchmark) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Chunker> chunker, NewChunker(spec));
  return benchmark.Measure(
      absl::StrCat("cut-", spec.name),
      absl::StrCat("find where to cut ", use, " into chunks", note),
      [&](uint64_t block) {
        std::string_view rest = input.at(block);
        while (const size_t used = chunker->Scan(rest)) {
          rest.remove_prefix(used);
        }
        return absl::OkStatus();
      });
}

absl::Status MeasureZstd(LocalBenchmark& benchmark) {
  const Blocks text(InputKind::kText);
  std::vector<EncodedPayload> encoded(kBlocks);
  RETURN_IF_ERROR(benchmark.Measure(
      "zstd-compress",
      absl::StrCat("compress text at level ", kDefaultZstdLevel,
                   ", as a backup by chunks does"),
      [&](uint64_t block) {
        encoded[block % kBlocks] =
            EncodeChunk(text.at(block), kDefaultZstdLevel);
        return absl::OkStatus();
      }));
  // Of those that a short run left out.
  for (uint64_t block = 0; block < kBlocks; ++block) {
    if (!encoded[block].payload.empty()) continue;
    encoded[block] = EncodeChunk(text.at(block), kDefaultZstdLevel);
  }
  return benchmark.Measure(
      "zstd-decompress", "decompress the same, as a restore by chunks does",
      [&](uint64_t block) {
        const EncodedPayload& payload = encoded[block % kBlocks];
        return DecodePayload(payload.encoding, payload.payload, kBlockBytes)
            .status();
      });
}

}  // namespace

absl::StatusOr<std::vector<StageResult>> MeasureLocalStages(
    const BenchmarkSize& size, const Clock& clock, const Interrupt& interrupt) {
  LocalBenchmark benchmark(size, clock, interrupt);
  {
    const Blocks random(InputKind::kRandom);
    RETURN_IF_ERROR(MeasureCuts(DefaultChunkerSpec(ArchiveKind::kStream),
                                "a stream", "", random, benchmark));
    RETURN_IF_ERROR(MeasureCuts(DefaultChunkerSpec(ArchiveKind::kImage),
                                "an image", ", by offset alone", random,
                                benchmark));
    RETURN_IF_ERROR(benchmark.Measure(
        "sha256", "digest of chunks of 1 MiB, as both ways of a backup need",
        [&](uint64_t block) {
          return Sha256(random.at(block)) == Digest()
                     ? absl::InternalError("a digest is all zero")
                     : absl::OkStatus();
        }));
  }
  RETURN_IF_ERROR(MeasureZstd(benchmark));
  return benchmark.TakeResults();
}

}  // namespace cairn::client
