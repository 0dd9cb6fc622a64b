// Where is a chunk: a million places, warm, against the same keys asked from
// the database without the store of places around it.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "benchmark/benchmark.h"
#include "common/log/log.h"
#include "common/model/record.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "services/chunk_storage/storage/place_codec.h"
#include "services/chunk_storage/storage/place_store.h"
#include "tests/benchmark/stages/disk.h"
#include "tests/benchmark/stages/sealed_packs.h"

namespace cairn {
namespace {

using chunk_storage::PlaceStore;

constexpr uint32_t kPlaces = 1'000'000;
constexpr size_t kKeysPerLookup = 64;  // a batch of ingest

class Places {
 public:
  Places() {
    database_ = OpenDatabase(directory_.Join("db"), PlaceTables(),
                             uint64_t{256} << 20, &fatal_);
    store_ = std::make_unique<PlaceStore>(database_.get());
    keys_ = SealPacks(*store_, kPlaces);
    // Warms the cache.
    for (size_t i = 0; i + 4096 <= keys_.size(); i += 4096) {
      CHECK_OK(
          store_->Find(kBenchmarkDatastore, std::span(keys_).subspan(i, 4096))
              .status());
    }
  }

  const std::vector<RecordKey>& keys() const { return keys_; }
  const PlaceStore& store() const { return *store_; }
  const KvStore& database() const { return *database_; }

 private:
  TempDir directory_;
  ExitingFatalErrorSink fatal_;
  std::unique_ptr<RocksKvStore> database_;
  std::unique_ptr<PlaceStore> store_;
  std::vector<RecordKey> keys_;
};

// Made once for all benchmarks, since that takes a while.
const Places& MillionPlaces() {
  static const Places places;
  return places;
}

// Items are keys, 64 in a call. times_limit: over the time of the database.
void BM_FindPlaces(benchmark::State& state) {
  const bool present = state.range(0) != 0;
  const Places& places = MillionPlaces();
  const SystemClock clock;
  std::mt19937_64 random(7);
  absl::Duration engine;
  absl::Duration limit;
  const std::vector<std::string> tables = PlaceStore::TableNames();
  const auto table = static_cast<KvTable>(
      std::find(tables.begin(), tables.end(), "places") - tables.begin());
  const auto draw = [&] {
    std::vector<RecordKey> keys;
    for (size_t i = 0; i < kKeysPerLookup; ++i) {
      keys.push_back(present ? places.keys()[random() % kPlaces]
                             : SealedKey(kPlaces + random() % kPlaces));
    }
    return keys;
  };
  for (auto _ : state) {
    const std::vector<RecordKey> keys = draw();
    const absl::Duration taken = TimeOf(clock, [&] {
      const auto found = places.store().Find(kBenchmarkDatastore, keys);
      CHECK_OK(found.status());
      CHECK_EQ((*found)[0].has_value(), present);
    });
    state.SetIterationTime(absl::ToDoubleSeconds(taken));
    engine += taken;
    // Other keys, so that neither warms the way of the other.
    std::vector<std::string> rows;
    for (const RecordKey& key : draw()) {
      rows.push_back(chunk_storage::EncodePlaceKey(kBenchmarkDatastore, key));
    }
    limit += TimeOf(clock, [&] {
      CHECK_OK(places.database().MultiGet(table, rows).status());
    });
  }
  state.SetItemsProcessed(state.iterations() * kKeysPerLookup);
  state.counters["times_limit"] = absl::FDivDuration(engine, limit);
}
BENCHMARK(BM_FindPlaces)->ArgName("present")->Arg(1)->Arg(0)->UseManualTime();

}  // namespace
}  // namespace cairn
