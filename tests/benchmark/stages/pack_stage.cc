// Chunks into packs, durable: the engine of chunk_storage over a real
// directory, against the same bytes appended to one plain file and synced.
#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/digest/sha256.h"
#include "common/io/posix_file_system.h"
#include "common/log/log.h"
#include "common/metrics/metric_registry.h"
#include "common/model/record.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "services/chunk_storage/engine/chunk_repository.h"
#include "services/chunk_storage/metrics.h"
#include "services/chunk_storage/storage/place_store.h"
#include "tests/benchmark/stages/disk.h"
#include "tests/benchmark/stages/inputs.h"

namespace cairn {
namespace {

using chunk_storage::ChunkRepository;
using chunk_storage::PlaceStore;

constexpr size_t kChunkBytes = 1 << 20;
// Fits one call, as ingest makes them.
constexpr size_t kChunksPerPut = 2;
constexpr uint64_t kIncarnation = 1;

class Store {
 public:
  Store()
      : metrics_(&registry_),
        executor_(*ThreadPoolExecutor::Create({.name = "bench"})) {
    std::vector<RocksKvStore::Table> tables;
    for (const std::string& name : PlaceStore::TableNames()) {
      tables.push_back({.name = name, .bloom_filter = true, .compress = false});
    }
    database_ = OpenDatabase(directory_.Join("db"), tables, 64 << 20, &fatal_);
    const std::string root = directory_.Join("datastores");
    CHECK_OK(files_.CreateDirectories(root));
    auto opened = ChunkRepository::Open({},
                                        {.files = &files_,
                                         .kv = database_.get(),
                                         .clock = &clock_,
                                         .executor = executor_.get(),
                                         .random = random_,
                                         .fatal_errors = &fatal_,
                                         .metrics = &metrics_},
                                        root, kIncarnation);
    CHECK_OK(opened.status());
    repository_ = *std::move(opened);
    CHECK_OK(repository_->EnsureDatastore(call_, session_.datastore).status());
    // Until it is told the epoch, it takes no session.
    CHECK_OK(
        repository_
            ->ShowToken(call_, session_.datastore, {.token = 1, .epoch = 1})
            .status());
  }

  void PutAndSync(const std::vector<Record>& records) {
    for (size_t i = 0; i < records.size(); i += kChunksPerPut) {
      const size_t count = std::min(kChunksPerPut, records.size() - i);
      CHECK_OK(repository_
                   ->Put(call_, session_, std::span(records).subspan(i, count))
                   .status());
    }
    CHECK_OK(repository_->Sync(call_, session_, kIncarnation));
  }

  PosixFileSystem& files() { return files_; }
  const Clock& clock() const { return clock_; }
  std::string Join(const std::string& name) { return directory_.Join(name); }

 private:
  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kIngest, "benchmark"}};
  const SessionRef session_ = {.datastore = {Uuid{{0xd5, 1}}, 1},
                               .session = Uuid{{0x5e, 1}},
                               .epoch = 1};
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
};

// New chunks that do not compress.
std::vector<Record> NewChunks(const std::string& input, size_t count,
                              uint64_t& number) {
  std::vector<Record> records(count);
  for (size_t i = 0; i < count; ++i) {
    Record& record = records[i];
    record.payload = input.substr(i % 8 * kChunkBytes, kChunkBytes);
    std::memcpy(record.payload.data(), &++number, sizeof(number));
    record.plain_length = kChunkBytes;
    record.payload_digest = Sha256(record.payload);
    record.key.digest = record.payload_digest;
  }
  return records;
}

// MiB that go between two syncs. times_limit: the engine's time over that of
// the plain file; it also proves each payload's digest, once.
void BM_AppendPack(benchmark::State& state) {
  const size_t chunks = static_cast<size_t>(state.range(0));
  const std::string input = MakeInput(InputKind::kRandom, 8 * kChunkBytes);
  Store store;
  auto plain = store.files().Create(store.Join("plain"));
  CHECK_OK(plain.status());
  uint64_t number = 0;
  uint64_t offset = 0;
  absl::Duration engine;
  absl::Duration limit;
  for (auto _ : state) {
    const std::vector<Record> records = NewChunks(input, chunks, number);
    const absl::Duration taken =
        TimeOf(store.clock(), [&] { store.PutAndSync(records); });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
    engine += taken;
    limit += TimeOf(store.clock(), [&] {
      for (const Record& record : records) {
        const std::string_view pieces[] = {record.payload};
        CHECK_OK((*plain)->WriteAt(offset, pieces));
        offset += record.payload.size();
      }
      CHECK_OK((*plain)->Sync());
    });
  }
  state.SetBytesProcessed(state.iterations() * chunks * kChunkBytes);
  state.counters["limit_bytes_per_second"] =
      static_cast<double>(offset) / absl::ToDoubleSeconds(limit);
  state.counters["times_limit"] = absl::FDivDuration(engine, limit);
}
BENCHMARK(BM_AppendPack)
    ->ArgName("MiB")
    ->Arg(1)
    ->Arg(8)
    ->Arg(32)
    ->UseManualTime();

}  // namespace
}  // namespace cairn
