// Marks against places: how long the store's half of a mark takes, and how much
// memory. CAIRN_MARK_PLACES=11000000 for the scale of the figures; the default
// is a tenth of it or so.
#include <cstdint>
#include <cstdlib>
#include <numeric>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/log/log.h"
#include "common/model/mark.h"
#include "tests/benchmark/stages/cpu_time.h"
#include "tests/benchmark/stages/peak_memory.h"
#include "tests/benchmark/stages/sealed_store.h"

namespace cairn {
namespace {

uint64_t CountOfPlaces() {
  const char* const text = std::getenv("CAIRN_MARK_PLACES");
  uint64_t count = 0;
  return text != nullptr && absl::SimpleAtoi(text, &count) ? count : 1'000'000;
}

uint64_t Mix(uint64_t value) {
  value = (value ^ (value >> 31)) * 0x7fb5d329728ea185;
  return value ^ (value >> 27);
}

// Digests in order of their number, so that nobody has to sort them.
uint64_t PrefixOf(uint64_t number, uint64_t count) {
  const uint64_t step = ~uint64_t{0} / count;
  return number * step + Mix(number) % step;
}

RecordKey KeyOf(uint64_t number, uint64_t count) {
  RecordKey key;
  const uint64_t prefix = PrefixOf(number, count);
  for (int i = 0; i < 8; ++i) {
    key.digest.bytes[i] = static_cast<uint8_t>(prefix >> (56 - 8 * i));
    key.digest.bytes[24 + i] = static_cast<uint8_t>(Mix(prefix) >> (8 * i));
  }
  return key;
}

// All but one in ten, as an index gives them.
class NineInTen final : public MarkStream {
 public:
  explicit NineInTen(uint64_t count) : count_(count) {}
  absl::StatusOr<std::optional<MarkRun>> Next() override {
    MarkRun run;
    for (; next_ < count_ && run.marks.size() < kMaxMarksPerRun; ++next_) {
      if (next_ % 10 != 3) run.marks.push_back({PrefixOf(next_, count_)});
    }
    if (run.marks.empty()) return std::nullopt;
    return std::optional<MarkRun>(std::move(run));
  }

 private:
  const uint64_t count_;
  uint64_t next_ = 0;
};

// Items are places; peak_MiB: of the whole process so far, caches included.
void BM_MarkSet(benchmark::State& state) {
  const uint64_t count = CountOfPlaces();
  // Neighbours by digest lie in different packs.
  uint64_t stride = count / 3 * 2 + 1;
  while (std::gcd(stride, count) != 1) ++stride;
  static SealedStore store(count, [&](uint64_t i) {
    return KeyOf((i + 1) * stride % count, count);
  });
  for (auto _ : state) {
    const absl::Duration taken = CpuTimeOf([&] {
      NineInTen marks(count);
      const MarkSummary summary = store.PutMarks(marks);
      CHECK_EQ(summary.missing_records, 0u);
      CHECK_EQ(summary.marked.records + summary.unmarked.records, count);
    });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(count));
  state.counters["peak_MiB"] = PeakMiB();
  state.counters["places"] = static_cast<double>(count);
}
BENCHMARK(BM_MarkSet)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn
