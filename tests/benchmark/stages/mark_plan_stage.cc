// Mark and plan of a sweep whole: the walk of index, its marks against all
// places of chunk_storage, and the plan, in one process. As large as asked for
// by CAIRN_MARK, see daily_image.h.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/log/log.h"
#include "common/time/clock.h"
#include "services/index/engine/mark_walk.h"
#include "services/maintenance/domain/gc_plan.h"
#include "tests/benchmark/stages/cpu_time.h"
#include "tests/benchmark/stages/daily_image.h"
#include "tests/benchmark/stages/disk.h"
#include "tests/benchmark/stages/peak_memory.h"
#include "tests/benchmark/stages/sealed_store.h"

namespace cairn {
namespace {

constexpr int kRounds = 3;
// Places of chunks that no snapshot refers to, for one that is referred to.
constexpr uint64_t kGarbageShare = 10;

// Chunks in the order in which they were backed up, pages and manifests, and
// at last the garbage.
std::unique_ptr<SealedStore> StoreOf(DailyImage& image) {
  const uint64_t chunks = image.chunk_count();
  const std::vector<Digest> pages = image.TakePages();
  const uint64_t roots = chunks + pages.size();
  const uint64_t garbage = roots + image.roots().size();
  return std::make_unique<SealedStore>(
      garbage + chunks / kGarbageShare, [&](uint64_t i) -> RecordKey {
        if (i < chunks) return {.digest = DailyImage::ChunkDigest(i)};
        if (i < roots) {
          return {.kind = RecordKind::kPage, .digest = pages[i - chunks]};
        }
        if (i < garbage) {
          return {.kind = RecordKind::kManifest,
                  .digest = image.roots()[i - roots].page};
        }
        return {.digest = DailyImage::ChunkDigest(i - garbage + chunks)};
      });
}

maintenance::GcPlan PlanOf(SealedStore& store) {
  std::vector<maintenance::PackUse> uses;
  for (const PackInfo& pack : store.ListPacks()) {
    uses.push_back({.number = pack.number,
                    .file_bytes = maintenance::PackFileBytes(
                        pack.records.records, pack.records.bytes),
                    .records = pack.records.records,
                    .record_bytes = pack.records.bytes,
                    .kept_records = pack.kept.records,
                    .kept_bytes = pack.kept.bytes});
  }
  return maintenance::PlanGc(uses, {});
}

struct Round {
  absl::Duration walk;
  absl::Duration merge;
  absl::Duration plan;
  absl::Duration cpu;         // of the three
  absl::Duration walk_cpu;    // of the first
  absl::Duration copies_cpu;  // of a walk with ten times the snapshots
  double peak_mib = 0;
};

double Median(std::span<const Round> rounds,
              absl::FunctionRef<absl::Duration(const Round&)> value) {
  std::vector<double> seconds;
  for (const Round& round : rounds) {
    seconds.push_back(absl::ToDoubleSeconds(value(round)));
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

absl::Duration AllOf(const Round& round) {
  return round.walk + round.merge + round.plan;
}

// A sweep up to its plan, over what the first two arguments hold.
Round MarkAndPlan(DailyImage& image, SealedStore& store, MarkProgress& progress,
                  MarkSummary& summary) {
  const SystemClock clock;
  Round round;
  ForgetPeak();
  round.cpu = CpuTimeOf([&] {
    std::optional<index::WalkedMarks> walked;
    round.walk = TimeOf(clock, [&] {
      round.walk_cpu = CpuTimeOf([&] { walked = image.Walk(1); });
    });
    progress = walked->progress;
    round.merge =
        TimeOf(clock, [&] { summary = store.PutMarks(*walked->NewStream()); });
    walked.reset();
    round.plan = TimeOf(clock, [&] {
      const maintenance::GcPlan plan = PlanOf(store);
      CHECK_GT(plan.dropped_records + plan.threshold_bytes, 0u);
    });
  });
  round.peak_mib = PeakMiB();
  round.copies_cpu = CpuTimeOf([&] { image.Walk(10); });
  return round;
}

// Medians of three rounds over one image and store: `seconds` of wall and
// `cpu_seconds` of all, wall of the walk with its sort, of the merge with the
// places and of the plan. peak_mib: the most that the process had, all caches
// in it. times_copies: the CPU time of a walk with ten times the snapshots
// over the same pages, against one.
void BM_MarkAndPlan(benchmark::State& state, const ImageScale& scale) {
  DailyImage image(scale);
  const std::unique_ptr<SealedStore> store = StoreOf(image);
  MarkProgress progress;
  MarkSummary summary;
  std::vector<Round> rounds;
  double peak_mib = 0;
  for (auto _ : state) {
    for (int i = 0; i < kRounds; ++i) {
      rounds.push_back(MarkAndPlan(image, *store, progress, summary));
      peak_mib = std::max(peak_mib, rounds.back().peak_mib);
    }
    state.SetIterationTime(Median(rounds, AllOf));
  }
  // Whoever reads the numbers may rely on what they were taken of.
  CHECK_EQ(summary.marked.records, progress.marks);
  CHECK_EQ(summary.missing_records, 0u);
  CHECK_EQ(summary.unmarked.records, image.chunk_count() / kGarbageShare);
  const auto seconds = [&](absl::FunctionRef<absl::Duration(const Round&)> f) {
    return Median(rounds, f);
  };
  state.counters = {
      {"chunks", static_cast<double>(image.chunk_count())},
      {"all_references",
       static_cast<double>(progress.logical_bytes) / DailyImage::kChunkBytes},
      {"references", static_cast<double>(progress.references)},
      {"pages", static_cast<double>(progress.pages)},
      {"marks", static_cast<double>(progress.marks)},
      {"seconds", seconds(AllOf)},
      {"walk_seconds", seconds([](const Round& r) { return r.walk; })},
      {"merge_seconds", seconds([](const Round& r) { return r.merge; })},
      {"plan_seconds", seconds([](const Round& r) { return r.plan; })},
      {"cpu_seconds", seconds([](const Round& r) { return r.cpu; })},
      {"references_per_second",
       static_cast<double>(progress.references) / seconds(AllOf)},
      {"times_copies", seconds([](const Round& r) { return r.copies_cpu; }) /
                           seconds([](const Round& r) { return r.walk_cpu; })},
      {"peak_mib", peak_mib}};
}

const bool kRegistered = [] {
  for (const ImageScale& scale : AskedImages()) {
    benchmark::RegisterBenchmark(
        absl::StrCat("BM_MarkAndPlan", NameOf(scale)).c_str(), BM_MarkAndPlan,
        scale)
        ->UseManualTime()
        ->Iterations(1)  // of an image and a store that take long to make
        ->Unit(benchmark::kMillisecond);
  }
  return true;
}();

}  // namespace
}  // namespace cairn
