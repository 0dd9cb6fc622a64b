// The walk of a sweep: what daily snapshots of one image refer to. Made small,
// or as large as is asked for by CAIRN_MARK, see daily_image.h.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/log/log.h"
#include "services/index/engine/mark_walk.h"
#include "tests/benchmark/stages/cpu_time.h"
#include "tests/benchmark/stages/daily_image.h"
#include "tests/benchmark/stages/peak_memory.h"

namespace cairn {
namespace {

// Walk and sort until all marks are known, and then take them all.
MarkProgress MarkAll(DailyImage& image, int copies) {
  const index::WalkedMarks walked = image.Walk(copies);
  uint64_t marks = 0;
  const auto stream = walked.NewStream();
  while (true) {
    const auto run = stream->Next();
    CHECK_OK(run.status());
    if (!run->has_value()) break;
    marks += (*run)->marks.size();
  }
  CHECK_EQ(marks, walked.progress.marks);
  return walked.progress;
}

// Items are references of distinct pages. times_copies: with ten times the
// snapshots over the same pages, against one. peak_mib is of the process, over
// what it had before.
void BM_Mark(benchmark::State& state, const ImageScale& scale) {
  DailyImage image(scale);
  MarkProgress progress;
  absl::Duration once;
  absl::Duration copies;
  double peak = 0;
  for (auto _ : state) {
    const double before = ResidentMiB();
    ForgetPeak();
    const absl::Duration taken =
        CpuTimeOf([&] { progress = MarkAll(image, 1); });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
    once += taken;
    peak = std::max(peak, PeakMiB() - before);
    copies += CpuTimeOf([&] { MarkAll(image, 10); });
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<int64_t>(progress.references));
  state.counters["pages"] = static_cast<double>(progress.pages);
  state.counters["references"] = static_cast<double>(progress.references);
  state.counters["marks"] = static_cast<double>(progress.marks);
  state.counters["times_copies"] = absl::FDivDuration(copies, once);
  state.counters["peak_mib"] = peak;
}

const bool kRegistered = [] {
  for (const ImageScale& scale : AskedImages()) {
    benchmark::RegisterBenchmark(absl::StrCat("BM_Mark", NameOf(scale)).c_str(),
                                 BM_Mark, scale)
        ->UseManualTime()
        ->Iterations(3)  // of one image, which takes long to make
        ->Unit(benchmark::kMillisecond);
  }
  return true;
}();

}  // namespace
}  // namespace cairn
