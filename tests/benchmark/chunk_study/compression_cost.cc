#include "tests/benchmark/chunk_study/compression_cost.h"

#include <zstd.h>

#include <algorithm>
#include <memory>
#include <string>

#include "common/compression/zstd.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "tests/benchmark/stages/cpu_time.h"

namespace cairn::study {
namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

// zstd with its context, at levels that EncodeChunk does not allow.
class Encoder {
 public:
  Encoder() : context_(ZSTD_createCCtx()) { CHECK_NE(context_, nullptr); }

  // False, and the bytes are to be kept raw, if it saves less than 1/32.
  bool Compress(std::string_view plain, int level, std::string& out) {
    out.resize(plain.size() - (plain.size() + 31) / 32);
    const size_t length =
        ZSTD_compressCCtx(context_.get(), out.data(), out.size(), plain.data(),
                          plain.size(), level);
    if (ZSTD_isError(length)) return false;
    out.resize(length);
    return true;
  }

 private:
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context_;
};

std::string SampleOf(std::string_view chunk, const Probe& probe) {
  if (chunk.size() <= probe.sample_bytes) return std::string(chunk);
  const size_t piece = probe.sample_bytes / probe.pieces;
  // One piece is the chunk's beginning.
  const size_t step =
      probe.pieces == 1 ? 0 : (chunk.size() - piece) / (probe.pieces - 1);
  std::string sample;
  sample.reserve(probe.sample_bytes);
  for (uint32_t i = 0; i < probe.pieces; ++i) {
    sample.append(chunk.substr(i * step, piece));
  }
  return sample;
}

}  // namespace

absl::StatusOr<LevelCost> MeasureLevel(std::span<const std::string_view> chunks,
                                       int level) {
  Encoder encoder;
  LevelCost cost;
  std::string payload;
  for (const std::string_view chunk : chunks) {
    bool is_smaller = false;
    cost.compress_cpu += CpuTimeOf(
        [&] { is_smaller = encoder.Compress(chunk, level, payload); });
    cost.plain_bytes += chunk.size();
    cost.stored_bytes += is_smaller ? payload.size() : chunk.size();
    if (!is_smaller) {
      ++cost.raw_chunks;
      continue;
    }
    absl::StatusOr<std::string> plain;
    cost.decompress_cpu += CpuTimeOf(
        [&] { plain = DecodePayload(Encoding::kZstd, payload, chunk.size()); });
    RETURN_IF_ERROR(plain.status());
    if (*plain != chunk) {
      return absl::DataLossError("a chunk decodes to other bytes");
    }
  }
  return cost;
}

ProbeCost MeasureProbe(std::span<const std::string_view> chunks,
                       const Probe& probe, int level) {
  Encoder encoder;
  ProbeCost cost;
  std::string payload;
  for (const std::string_view chunk : chunks) {
    ++cost.chunks;
    bool looks_smaller = false;
    cost.probe_cpu += CpuTimeOf([&] {
      looks_smaller =
          encoder.Compress(SampleOf(chunk, probe), probe.probe_level, payload);
    });
    bool is_smaller = false;
    const absl::Duration full = CpuTimeOf(
        [&] { is_smaller = encoder.Compress(chunk, level, payload); });
    const uint64_t stored = is_smaller ? payload.size() : chunk.size();
    cost.full_cpu += full;
    cost.stored_bytes += stored;
    if (!is_smaller) ++cost.raw_chunks;
    if (!looks_smaller) {
      ++cost.skipped_chunks;
      cost.skipped_cpu += full;
      cost.lost_bytes += chunk.size() - stored;
    }
  }
  return cost;
}

}  // namespace cairn::study
