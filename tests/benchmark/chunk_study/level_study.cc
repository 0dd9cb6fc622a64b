#include "tests/benchmark/chunk_study/level_study.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/digest.h"
#include "common/status/status_macros.h"
#include "tests/benchmark/chunk_study/archive_cut.h"
#include "tests/benchmark/chunk_study/compression_cost.h"
#include "tests/benchmark/chunk_study/pair_study.h"

namespace cairn::study {
namespace {

constexpr double kMiB = 1 << 20;
constexpr double kGiB = 1 << 30;
constexpr int kLevels[] = {-5, -1, 1, 2, 3, 4, 5};
constexpr Probe kProbes[] = {
    {"4 KiB, level 1", 4 << 10, 1, 1},
    {"4 x 4 KiB, level 1", 16 << 10, 4, 1},
    {"16 x 4 KiB, level 1", 64 << 10, 16, 1},
    {"first 64 KiB, level -5", 64 << 10, 1, -5},
};

absl::StatusOr<std::vector<std::string_view>> DifferentChunks(
    std::string_view bytes, const ChunkerSpec& spec) {
  ASSIGN_OR_RETURN(const ArchiveCut cut, CutArchive(spec, bytes));
  absl::flat_hash_set<Digest> seen;
  std::vector<std::string_view> chunks;
  uint64_t offset = 0;
  for (const ChunkEntry& entry : cut.entries) {
    if (!entry.is_hole && seen.insert(entry.digest).second) {
      chunks.push_back(bytes.substr(offset, entry.length));
    }
    offset += entry.length;
  }
  return chunks;
}

}  // namespace

LevelStudy::LevelStudy(int level) : level_(level) {
  levels_ = {
      .name = "levels",
      .title =
          "Levels of zstd: bytes, and CPU seconds a GiB of plain "
          "bytes",
      .columns = {"corpus", "chunker", "level", "plain MiB", "stored MiB",
                  "of plain %", "chunks raw", "compress", "decompress"}};
  probes_ = {.name = "probes",
             .title = absl::StrCat(
                 "Looks before level ", level_,
                 ": CPU seconds of the look, saved by it, and of all without"),
             .columns = {"corpus", "chunker", "look", "chunks", "raw without",
                         "raw with", "look s", "saved s", "all s", "net %",
                         "lost MiB", "lost %"}};
}

absl::Status LevelStudy::Run(const std::string& corpus, std::string_view bytes,
                             const ChunkerSpec& spec) {
  ASSIGN_OR_RETURN(const std::vector<std::string_view> chunks,
                   DifferentChunks(bytes, spec));
  const std::string name = SpecName(spec);
  for (const int level : kLevels) {
    ASSIGN_OR_RETURN(const LevelCost cost, MeasureLevel(chunks, level));
    const double gib = std::max<uint64_t>(cost.plain_bytes, 1) / kGiB;
    levels_.rows.push_back(
        {corpus, name, Cell::Number(level, 0),
         Cell::Number(cost.plain_bytes / kMiB, 0),
         Cell::Number(cost.stored_bytes / kMiB, 1),
         Cell::Number(100 * cost.stored_bytes / (gib * kGiB), 1),
         Cell::Count(cost.raw_chunks),
         Cell::Number(absl::ToDoubleSeconds(cost.compress_cpu) / gib, 2),
         Cell::Number(absl::ToDoubleSeconds(cost.decompress_cpu) / gib, 2)});
  }
  for (const Probe& probe : kProbes) {
    const ProbeCost cost = MeasureProbe(chunks, probe, level_);
    const double look = absl::ToDoubleSeconds(cost.probe_cpu);
    const double saved = absl::ToDoubleSeconds(cost.skipped_cpu);
    const double all = absl::ToDoubleSeconds(cost.full_cpu);
    probes_.rows.push_back(
        {corpus, name, std::string(probe.name), Cell::Count(cost.chunks),
         Cell::Count(cost.raw_chunks), Cell::Count(cost.skipped_chunks),
         Cell::Number(look, 3), Cell::Number(saved, 3), Cell::Number(all, 3),
         Cell::Number(100 * (saved - look) / std::max(all, 1e-9), 1),
         Cell::Number(cost.lost_bytes / kMiB, 2),
         Cell::Number(
             100.0 * cost.lost_bytes / std::max<uint64_t>(cost.stored_bytes, 1),
             2)});
  }
  return absl::OkStatus();
}

std::vector<Table> LevelStudy::TakeTables() {
  return {std::move(levels_), std::move(probes_)};
}

}  // namespace cairn::study
