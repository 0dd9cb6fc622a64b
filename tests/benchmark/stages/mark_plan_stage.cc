// Mark and plan of a sweep whole: the walk of index, its marks against all
// places of chunk_storage, and the plan, in one process. As large as asked for
// by CAIRN_MARK, see daily_image.h.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

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
                    .file_bytes = pack.file_bytes,
                    .records = pack.records.records,
                    .record_bytes = pack.records.bytes,
                    .kept_records = pack.kept.records,
                    .kept_bytes = pack.kept.bytes});
  }
  return maintenance::PlanGc(uses, {});
}

double Median(std::vector<absl::Duration> times) {
  std::sort(times.begin(), times.end());
  return absl::ToDoubleSeconds(times[times.size() / 2]);
}

// Wall times, medians of three rounds over one image and store: of all, of the
// walk with its sort, of the merge with the places, and of the plan. peak_mib:
// the most that the process had, all caches in it. times_copies: the CPU time
// of a walk with ten times the snapshots over the same pages, against one.
void BM_MarkAndPlan(benchmark::State& state, const ImageScale& scale) {
  DailyImage image(scale);
  const std::unique_ptr<SealedStore> store = StoreOf(image);
  const SystemClock clock;
  MarkProgress progress;
  MarkSummary summary;
  maintenance::GcPlan plan;
  std::vector<absl::Duration> all, walk, merge, planning, walk_cpu, copies_cpu;
  double peak = 0;
  for (auto _ : state) {
    for (int round = 0; round < kRounds; ++round) {
      ForgetPeak();
      std::unique_ptr<index::WalkedMarks> walked;
      walk.push_back(TimeOf(clock, [&] {
        walk_cpu.push_back(CpuTimeOf([&] {
          walked = std::make_unique<index::WalkedMarks>(image.Walk(1));
        }));
      }));
      progress = walked->progress;
      merge.push_back(TimeOf(
          clock, [&] { summary = store->PutMarks(*walked->NewStream()); }));
      walked.reset();
      planning.push_back(TimeOf(clock, [&] { plan = PlanOf(*store); }));
      all.push_back(walk.back() + merge.back() + planning.back());
      peak = std::max(peak, PeakMiB());
      copies_cpu.push_back(CpuTimeOf([&] { image.Walk(10); }));
    }
    state.SetIterationTime(Median(all));
  }
  // Whoever reads the numbers may rely on what they were taken of.
  CHECK_EQ(summary.marked.records, progress.marks);
  CHECK_EQ(summary.missing_records, 0u);
  CHECK_EQ(summary.unmarked.records, image.chunk_count() / kGarbageShare);
  CHECK(!plan.drop.empty() || !plan.compact.empty());
  const double references = static_cast<double>(progress.references);
  state.SetItemsProcessed(static_cast<int64_t>(progress.references));
  state.counters["chunks"] = static_cast<double>(image.chunk_count());
  state.counters["pages"] = static_cast<double>(progress.pages);
  state.counters["references"] = references;
  state.counters["all_references"] =
      static_cast<double>(progress.logical_bytes) / (256 << 10);
  state.counters["marks"] = static_cast<double>(progress.marks);
  state.counters["seconds"] = Median(all);
  state.counters["walk_seconds"] = Median(walk);
  state.counters["merge_seconds"] = Median(merge);
  state.counters["plan_seconds"] = Median(planning);
  state.counters["references_per_second"] = references / Median(all);
  state.counters["times_copies"] = Median(copies_cpu) / Median(walk_cpu);
  state.counters["peak_mib"] = peak;
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
