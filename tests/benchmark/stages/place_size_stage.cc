// What a place costs on disk: a million of them in RocksDB as chunk_storage
// sets it up, when nothing is left to compact, and as sealing left them.
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "benchmark/benchmark.h"
#include "common/log/log.h"
#include "common/testing/temp_dir.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "rocksdb/utilities/options_util.h"
#include "services/chunk_storage/options.h"
#include "services/chunk_storage/storage/place_store.h"
#include "tests/benchmark/stages/disk.h"
#include "tests/benchmark/stages/sealed_packs.h"

namespace cairn {
namespace {

constexpr uint32_t kPlaces = 1'000'000;

void Check(const rocksdb::Status& status) {
  CHECK(status.ok()) << status.ToString();
}

uint64_t TableBytes(rocksdb::DB& database) {
  std::vector<rocksdb::LiveFileMetaData> files;
  database.GetLiveFilesMetaData(&files);
  uint64_t total = 0;
  for (const rocksdb::LiveFileMetaData& file : files) total += file.size;
  return total;
}

// The database at `path` with the settings that it was made with.
class Database {
 public:
  explicit Database(const std::string& path) {
    rocksdb::DBOptions options;
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    Check(rocksdb::LoadLatestOptions(rocksdb::ConfigOptions(), path, &options,
                                     &families));
    rocksdb::DB* database = nullptr;
    Check(rocksdb::DB::Open(options, path, families, &families_, &database));
    database_.reset(database);
  }
  ~Database() {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      Check(database_->DestroyColumnFamilyHandle(family));
    }
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  void Compact() {
    for (rocksdb::ColumnFamilyHandle* family : families_) {
      Check(database_->CompactRange({}, family, nullptr, nullptr));
    }
  }
  uint64_t table_bytes() { return TableBytes(*database_); }

 private:
  std::unique_ptr<rocksdb::DB> database_;
  std::vector<rocksdb::ColumnFamilyHandle*> families_;
};

// The time is that of the compaction.
void BM_PlacesOnDisk(benchmark::State& state) {
  uint64_t sealed_bytes = 0;
  uint64_t compact_bytes = 0;
  for (auto _ : state) {
    state.PauseTiming();
    const TempDir directory;
    ExitingFatalErrorSink fatal;
    {
      const auto kv =
          OpenDatabase(directory.Join("db"), PlaceTables(),
                       chunk_storage::Options{}.block_cache_bytes, &fatal);
      chunk_storage::PlaceStore store(kv.get());
      SealPacks(store, kPlaces);
    }
    // Opening it writes out what is in its log.
    auto database = std::make_unique<Database>(directory.Join("db"));
    sealed_bytes = database->table_bytes();
    state.ResumeTiming();
    database->Compact();
    state.PauseTiming();
    compact_bytes = database->table_bytes();
    database.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * kPlaces);
  state.counters["bytes_per_place"] =
      static_cast<double>(compact_bytes) / kPlaces;
  state.counters["sealed_bytes_per_place"] =
      static_cast<double>(sealed_bytes) / kPlaces;
}
BENCHMARK(BM_PlacesOnDisk)->Iterations(1)->UseRealTime();

}  // namespace
}  // namespace cairn
