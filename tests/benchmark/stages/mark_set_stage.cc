// Marks against places: how long the store's half of a mark takes, and how much
// memory. CAIRN_MARK_PLACES=11000000 for the scale of the figures; the default
// is a tenth of it or so.
#include <sys/resource.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/io/posix_file_system.h"
#include "common/log/log.h"
#include "common/metrics/metric_registry.h"
#include "common/model/mark.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/engine/store_sweeper.h"
#include "services/chunk_storage/metrics.h"
#include "services/chunk_storage/storage/place_store.h"
#include "tests/benchmark/stages/cpu_time.h"
#include "tests/benchmark/stages/disk.h"
#include "tests/benchmark/stages/sealed_packs.h"

namespace cairn {
namespace {

using chunk_storage::ChunkRepository;
using chunk_storage::PlaceStore;
using chunk_storage::StoreSweeper;

constexpr uint64_t kPlacesPerPack = 4096;
constexpr uint32_t kStoredBytes = 40'000;
// What chunk_storage has of its own accord.
constexpr uint64_t kCacheBytes = uint64_t{128} << 20;

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

// A store whose packs are sealed, and are empty files.
class Store {
 public:
  explicit Store(uint64_t count)
      : metrics_(&registry_),
        executor_(*ThreadPoolExecutor::Create({.name = "bench"})) {
    database_ = OpenDatabase(directory_.Join("db"), PlaceTables(), kCacheBytes,
                             &fatal_);
    const std::string root = directory_.Join("datastores");
    const std::string packs =
        absl::StrCat(root, "/", datastore_.uuid.ToString(), "/packs");
    CHECK_OK(files_.CreateDirectories(packs));
    Seal(count, packs);
    auto opened = ChunkRepository::Open({},
                                        {.files = &files_,
                                         .kv = database_.get(),
                                         .clock = &clock_,
                                         .executor = executor_.get(),
                                         .random = random_,
                                         .fatal_errors = &fatal_,
                                         .metrics = &metrics_},
                                        root, /*incarnation=*/1);
    CHECK_OK(opened.status());
    repository_ = *std::move(opened);
    sweeper_ = std::make_unique<StoreSweeper>(repository_.get());
    CHECK_OK(repository_
                 ->ShowToken(call_, datastore_,
                             {.token = 1, .epoch = 1, .sequence = 0})
                 .status());
    CHECK_OK(sweeper_->BeginSweep(call_, datastore_, {.token = 2, .cut = 5})
                 .status());
  }

  MarkSummary PutMarks(MarkStream& marks) {
    auto summary = sweeper_->PutMarks(call_, datastore_,
                                      {.id = Uuid{{1}}, .token = 2}, marks);
    CHECK_OK(summary.status());
    return *std::move(summary);
  }

 private:
  // Neighbours by digest lie in different packs.
  void Seal(uint64_t count, const std::string& directory) {
    PlaceStore store(database_.get());
    const chunk_storage::StoredDatastore row = {
        .number = kBenchmarkDatastore, .ref = datastore_, .loss_mark = 1};
    CHECK_OK(store.SaveDatastore(row));
    uint64_t stride = count / 3 * 2 + 1;
    while (std::gcd(stride, count) != 1) ++stride;
    uint64_t number = 0;
    for (uint64_t first = 0; first < count; first += kPlacesPerPack) {
      chunk_storage::SealBatch batch = {.datastore = row};
      batch.pack.number = static_cast<uint32_t>(1 + first / kPlacesPerPack);
      batch.pack.uuid = Uuid::Random(random_);
      CHECK_OK(files_
                   .Create(absl::StrCat(directory, "/",
                                        batch.pack.uuid.ToString(), ".pack"))
                   .status());
      batch.pack.record_count = std::min(kPlacesPerPack, count - first);
      for (uint32_t i = 0; i < batch.pack.record_count; ++i) {
        number = (number + stride) % count;
        batch.places.push_back({KeyOf(number, count),
                                {.pack = batch.pack.number,
                                 .ordinal = i,
                                 .offset = 4096 + uint64_t{i} * 65536,
                                 .stored_length = kStoredBytes,
                                 .plain_length = 2 * kStoredBytes,
                                 .encoding = Encoding::kZstd}});
      }
      CHECK_OK(store.CommitSealed(batch));
    }
  }

  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kService, "benchmark"}};
  const DatastoreRef datastore_ = {Uuid{{0xd5, 1}}, 1};
  TempDir directory_;
  SystemClock clock_;
  PosixFileSystem files_;
  ExitingFatalErrorSink fatal_;
  std::mt19937_64 random_{1};
  MetricRegistry registry_;
  chunk_storage::Metrics metrics_;
  std::unique_ptr<ThreadPoolExecutor> executor_;
  std::unique_ptr<RocksKvStore> database_;
  std::unique_ptr<ChunkRepository> repository_;
  std::unique_ptr<StoreSweeper> sweeper_;
};

// Items are places; peak_MiB: of the whole process so far, caches included.
void BM_MarkSet(benchmark::State& state) {
  const uint64_t count = CountOfPlaces();
  static Store store(count);
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
  rusage usage = {};
  CHECK_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  state.counters["peak_MiB"] = static_cast<double>(usage.ru_maxrss) / 1024;
  state.counters["places"] = static_cast<double>(count);
}
BENCHMARK(BM_MarkSet)->UseManualTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cairn
