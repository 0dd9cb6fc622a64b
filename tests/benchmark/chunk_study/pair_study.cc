#include "tests/benchmark/chunk_study/pair_study.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/storage/place_codec.h"
#include "tests/benchmark/chunk_study/disk_model.h"
#include "tests/benchmark/chunk_study/mark.h"
#include "tests/benchmark/chunk_study/page_cost.h"

namespace cairn::study {
namespace {

// Both snapshots' pages, one after the other.
struct PairPages {
  PageSet pages;
  PageGrowth first;
  PageGrowth second;
};

absl::StatusOr<PairPages> PagesOf(const ArchiveCut& first,
                                  const ArchiveCut& second, uint32_t mean) {
  PairPages pair;
  const PageCutRule rule = PageRuleOf(mean);
  ASSIGN_OR_RETURN(pair.first, pair.pages.Add(rule, first.entries));
  ASSIGN_OR_RETURN(pair.second, pair.pages.Add(rule, second.entries));
  return pair;
}

constexpr double kMiB = 1 << 20;
constexpr double kGiB = 1 << 30;
// As RepositoryOptions has it.
constexpr uint64_t kReadWindowBytes = uint64_t{16} << 20;
// Of the seeds.
constexpr DiskModel kDisks[] = {{"10 ms, 170 MB/s", 10e-3, 170e6},
                                {"0.05 ms, 500 MB/s", 0.05e-3, 500e6}};

double MiB(uint64_t bytes) { return static_cast<double>(bytes) / kMiB; }

Cell SecondsPerGib(absl::Duration cpu, uint64_t bytes) {
  const double gib = static_cast<double>(bytes) / kGiB;
  return Cell::Number(gib > 0 ? absl::ToDoubleSeconds(cpu) / gib : 0, 3);
}

uint64_t PlaceRowBytes(const StoredChunks& chunks) {
  uint64_t bytes = 0;
  for (const auto& [digest, chunk] : chunks.all()) {
    const RecordKey key = {.kind = RecordKind::kChunk, .digest = digest};
    bytes += chunk_storage::EncodePlaceKey(1, key).size() +
             chunk_storage::EncodePlace({.pack = chunk.pack,
                                         .ordinal = chunk.number,
                                         .offset = chunk.offset,
                                         .stored_length = chunk.stored_length,
                                         .plain_length = chunk.plain_length,
                                         .encoding = Encoding::kZstd})
                 .size();
  }
  return bytes;
}

}  // namespace

std::string SizeName(uint64_t bytes) {
  return bytes >= (1 << 20) ? absl::StrCat(bytes >> 20, " MiB")
                            : absl::StrCat(bytes >> 10, " KiB");
}

std::string SpecName(const ChunkerSpec& spec) {
  if (spec.min_bytes == spec.max_bytes) {
    return absl::StrCat(spec.name, " ", SizeName(spec.average_bytes));
  }
  return absl::StrCat(spec.name, " ", SizeName(spec.average_bytes), " (",
                      SizeName(spec.min_bytes), "-", SizeName(spec.max_bytes),
                      ")");
}

PairStudy::PairStudy(Options options) : options_(std::move(options)) {
  growth_ = {
      .name = "growth",
      .title = absl::StrCat(
          "Repository: first snapshot and growth by the second (zstd ",
          options_.zstd_level, ", records with headers; pages of mean ",
          options_.page_mean, ", once; place rows as encoded)"),
      .columns = {"corpus", "chunker", "chunks", "mean KiB", "holes MiB",
                  "first MiB", "growth MiB", "new plain %", "pages first KiB",
                  "pages growth KiB", "place rows KiB"}};
  costs_ = {.name = "cpu",
            .title =
                "CPU seconds a GiB: of the archive, and of what is not "
                "holes for compressing and restoring",
            .columns = {"corpus", "chunker", "cut", "zero test", "SHA-256",
                        "compress", "decode + SHA-256"}};
  pages_ = {.name = "pages",
            .title = "Pages by mean of entries",
            .columns = {"corpus", "chunker", "mean", "pages", "chunks a page",
                        "first KiB", "growth pages", "growth KiB", "growth %",
                        "levels", "walk pages", "walk KiB"}};
  marks_ = {
      .name = "mark",
      .title = "Mark of both snapshots",
      .columns = {"corpus", "chunker", "pages", "references", "records",
                  "CPU ms", "ns a reference", "bits KiB", "hash table KiB"}};
  reads_ = {
      .name = "model_reads",
      .title =
          "Reads on a modelled disk, MB/s of stored bytes: the formula, "
          "random order, the first snapshot in order, the second in "
          "order and in windows of 16 MiB ordered by place",
      .columns = {"corpus", "chunker", "disk", "stored KiB a chunk", "formula",
                  "random", "first", "second", "second in windows",
                  "seeks of it", "restored MiB/s of it"}};
}

absl::Status PairStudy::Run(const ArchivePair& pair, const ChunkerSpec& spec) {
  Stored stored = {.corpus = pair.name,
                   .spec = spec,
                   .chunks = StoredChunks(options_.zstd_level)};
  ASSIGN_OR_RETURN(stored.first, CutArchive(spec, pair.first));
  ASSIGN_OR_RETURN(stored.first_growth,
                   stored.chunks.Add(pair.first, stored.first.entries));
  ASSIGN_OR_RETURN(stored.second, CutArchive(spec, pair.second));
  ASSIGN_OR_RETURN(stored.second_growth,
                   stored.chunks.Add(pair.second, stored.second.entries));
  RETURN_IF_ERROR(AddGrowth(stored));
  AddCosts(stored);
  const auto& candidates = options_.candidates;
  if (std::find(candidates.begin(), candidates.end(), spec.average_bytes) !=
      candidates.end()) {
    RETURN_IF_ERROR(AddPages(stored));
  }
  RETURN_IF_ERROR(AddMark(stored));
  AddReads(stored);
  return absl::OkStatus();
}

absl::Status PairStudy::AddGrowth(const Stored& stored) {
  ASSIGN_OR_RETURN(const auto pair,
                   PagesOf(stored.first, stored.second, options_.page_mean));
  const auto& [pages, first, second] = pair;
  const uint64_t filled = stored.first.size_bytes - stored.first.hole_bytes;
  const uint64_t second_filled =
      stored.second.size_bytes - stored.second.hole_bytes;
  growth_.rows.push_back(
      {stored.corpus, SpecName(stored.spec), Cell::Count(stored.first.chunks),
       Cell::Number(static_cast<double>(filled) / 1024 /
                        std::max<uint64_t>(stored.first.chunks, 1),
                    0),
       Cell::Number(MiB(stored.first.hole_bytes), 0),
       Cell::Number(MiB(stored.first_growth.stored_bytes), 1),
       Cell::Number(MiB(stored.second_growth.stored_bytes), 1),
       Cell::Number(100.0 * stored.second_growth.plain_bytes /
                        std::max<uint64_t>(second_filled, 1),
                    1),
       Cell::Number(first.new_bytes / 1024.0, 0),
       Cell::Number(second.new_bytes / 1024.0, 0),
       Cell::Number(PlaceRowBytes(stored.chunks) / 1024.0, 0)});
  return absl::OkStatus();
}

void PairStudy::AddCosts(const Stored& stored) {
  const uint64_t size = stored.first.size_bytes;
  const uint64_t plain = stored.first_growth.plain_bytes;
  costs_.rows.push_back(
      {stored.corpus, SpecName(stored.spec),
       SecondsPerGib(stored.first.cut_cpu, size),
       SecondsPerGib(stored.first.zero_cpu, size),
       SecondsPerGib(stored.first.hash_cpu, size - stored.first.hole_bytes),
       SecondsPerGib(stored.first_growth.compress_cpu, plain),
       SecondsPerGib(stored.first_growth.decode_cpu, plain)});
}

absl::Status PairStudy::AddPages(const Stored& stored) {
  for (const uint32_t mean : options_.page_means) {
    ASSIGN_OR_RETURN(const auto pair,
                     PagesOf(stored.first, stored.second, mean));
    const auto& [pages, first, second] = pair;
    ASSIGN_OR_RETURN(const WalkCost walk, pages.MeasureWalk(first.root));
    pages_.rows.push_back(
        {stored.corpus, SpecName(stored.spec), Cell::Count(mean),
         Cell::Count(first.tree_pages),
         Cell::Number(
             static_cast<double>(stored.first.chunks) / first.tree_pages, 0),
         Cell::Number(first.new_bytes / 1024.0, 1),
         Cell::Count(second.new_pages),
         Cell::Number(second.new_bytes / 1024.0, 1),
         Cell::Number(100.0 * second.new_bytes / second.tree_bytes, 0),
         Cell::Count(first.root.level + 1), Cell::Number(walk.pages, 2),
         Cell::Number(walk.bytes / 1024, 1)});
  }
  return absl::OkStatus();
}

absl::Status PairStudy::AddMark(const Stored& stored) {
  ASSIGN_OR_RETURN(const auto pair,
                   PagesOf(stored.first, stored.second, options_.page_mean));
  const auto& [pages, first, second] = pair;
  MarkTable table(stored.chunks.all().size());
  for (const auto& [digest, chunk] : stored.chunks.all()) {
    table.Put(digest, chunk.number);
  }
  ASSIGN_OR_RETURN(const MarkCost cost,
                   MarkTrees({first.root, second.root}, pages, table));
  marks_.rows.push_back(
      {stored.corpus, SpecName(stored.spec), Cell::Count(cost.pages),
       Cell::Count(cost.references), Cell::Count(table.marked()),
       Cell::Number(absl::ToDoubleMilliseconds(cost.cpu), 2),
       Cell::Number(absl::ToDoubleNanoseconds(cost.cpu) /
                        std::max<uint64_t>(cost.references, 1),
                    0),
       Cell::Number(table.bit_bytes() / 1024.0, 1),
       Cell::Number(table.table_bytes() / 1024.0, 0)});
  return absl::OkStatus();
}

void PairStudy::AddReads(const Stored& stored) {
  const std::vector<StoredChunk> first =
      stored.chunks.Find(stored.first.entries);
  const std::vector<StoredChunk> second =
      stored.chunks.Find(stored.second.entries);
  if (first.empty() || second.empty()) return;
  std::vector<StoredChunk> random = first;
  std::shuffle(random.begin(), random.end(), std::mt19937_64(1));
  const std::vector<StoredChunk> windows = InWindows(second, kReadWindowBytes);
  for (const DiskModel& disk : kDisks) {
    const ModelReads at_random = ReadInOrder(disk, random);
    const ModelReads of_first = ReadInOrder(disk, first);
    const ModelReads of_second = ReadInOrder(disk, second);
    const ModelReads in_windows = ReadInOrder(disk, windows);
    const auto speed = [](const ModelReads& reads) {
      return Cell::Number(reads.bytes / reads.seconds / 1e6, 1);
    };
    const double mean = static_cast<double>(at_random.bytes) / random.size();
    reads_.rows.push_back(
        {stored.corpus, SpecName(stored.spec), std::string(disk.name),
         Cell::Number(mean / 1024, 0),
         Cell::Number(disk.FormulaSpeed(mean) / 1e6, 1), speed(at_random),
         speed(of_first), speed(of_second), speed(in_windows),
         Cell::Count(in_windows.seeks),
         Cell::Number(MiB(stored.second.size_bytes) / in_windows.seconds, 0)});
  }
}

std::vector<Table> PairStudy::TakeTables() {
  std::vector<Table> tables;
  for (Table* table : {&growth_, &costs_, &pages_, &marks_, &reads_}) {
    if (!table->rows.empty()) tables.push_back(std::move(*table));
  }
  return tables;
}

}  // namespace cairn::study
