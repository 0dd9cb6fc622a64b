#include "tests/benchmark/chunk_study/place_cost.h"

#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/log/log.h"
#include "common/pack/pack_format.h"
#include "common/testing/temp_dir.h"
#include "services/chunk_storage/storage/place_codec.h"
#include "services/chunk_storage/storage/place_store.h"
#include "tests/benchmark/stages/cpu_time.h"
#include "tests/benchmark/stages/disk.h"

namespace cairn::study {
namespace {

using chunk_storage::PlaceStore;
using chunk_storage::SealBatch;

constexpr uint32_t kPlaces = 1'000'000;
constexpr uint64_t kPackBytes = uint64_t{256} << 20;
constexpr uint32_t kDatastore = 1;

std::unique_ptr<RocksKvStore> Open(const std::string& path,
                                   FatalErrorSink* fatal) {
  std::vector<RocksKvStore::Table> tables;
  for (const std::string& name : PlaceStore::TableNames()) {
    tables.push_back({.name = name, .bloom_filter = true, .compress = false});
  }
  return OpenDatabase(path, tables, uint64_t{64} << 20, fatal);
}

// Stored at a third to the whole of their length, as chunks that compress
// more and less are.
SealBatch NextPack(uint32_t number, uint32_t chunk_bytes, uint64_t limit,
                   std::mt19937_64& random) {
  SealBatch batch;
  batch.datastore.number = kDatastore;
  batch.pack.number = number;
  uint64_t offset = kPackBlockBytes;
  while (batch.places.size() < limit && offset < kPackBytes) {
    chunk_storage::PlacedRecord record;
    for (uint8_t& byte : record.key.digest.bytes) {
      byte = static_cast<uint8_t>(random());
    }
    const auto plain =
        static_cast<uint32_t>(chunk_bytes / 2 + random() % chunk_bytes);
    record.place = {.pack = number,
                    .ordinal = static_cast<uint32_t>(batch.places.size()),
                    .offset = offset,
                    .stored_length = static_cast<uint32_t>(
                        plain / 3 + random() % (plain * 2 / 3)),
                    .plain_length = plain,
                    .encoding = Encoding::kZstd};
    offset += RecordExtent(record.place.stored_length);
    batch.places.push_back(record);
  }
  return batch;
}

// Of tables, and of the log that may hold rows beside them.
uint64_t RowBytesIn(const std::string& path) {
  uint64_t bytes = 0;
  for (const auto& file : std::filesystem::directory_iterator(path)) {
    const std::string extension = file.path().extension();
    if (extension == ".sst" || extension == ".log") bytes += file.file_size();
  }
  return bytes;
}

}  // namespace

PlaceCost MeasurePlaces(uint32_t chunk_bytes) {
  const TempDir directory;
  const std::string path = directory.Join("db");
  ExitingFatalErrorSink fatal;
  std::mt19937_64 random(chunk_bytes);
  PlaceCost cost;
  {
    const auto database = Open(path, &fatal);
    PlaceStore store(database.get());
    uint32_t done = 0;
    for (uint32_t pack = 1; done < kPlaces; ++pack) {
      const SealBatch batch =
          NextPack(pack, chunk_bytes, kPlaces - done, random);
      done += batch.places.size();
      for (const chunk_storage::PlacedRecord& record : batch.places) {
        cost.row_bytes +=
            chunk_storage::EncodePlaceKey(kDatastore, record.key).size() +
            chunk_storage::EncodePlace(record.place).size();
      }
      cost.insert_cpu +=
          CpuTimeOf([&] { CHECK_OK(store.CommitSealed(batch)); });
    }
  }
  {
    // What only the log held is in tables once it is open again.
    const auto database = Open(path, &fatal);
    const PlaceStore store(database.get());
    cost.scan_cpu = CpuTimeOf([&] {
      const auto counts = store.CountPlaces(kDatastore);
      CHECK_OK(counts.status());
    });
  }
  cost.row_bytes /= kPlaces;
  cost.disk_bytes = static_cast<double>(RowBytesIn(path)) / kPlaces;
  cost.insert_cpu /= kPlaces;
  cost.scan_cpu /= kPlaces;
  return cost;
}

}  // namespace cairn::study
