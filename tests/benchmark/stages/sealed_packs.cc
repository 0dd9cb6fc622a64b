#include "tests/benchmark/stages/sealed_packs.h"

#include <algorithm>
#include <random>
#include <string>

#include "common/log/log.h"

namespace cairn {
namespace {

constexpr uint32_t kPlacesPerPack = 50'000;
constexpr uint32_t kChunkBytes = 1 << 20;
// Of a record beside its payload, and to what offsets are rounded.
constexpr uint64_t kHeaderBytes = 128;
constexpr uint64_t kAlignment = 64;

}  // namespace

std::vector<RocksKvStore::Table> PlaceTables() {
  std::vector<RocksKvStore::Table> tables;
  for (const std::string& name : chunk_storage::PlaceStore::TableNames()) {
    tables.push_back({.name = name, .bloom_filter = true, .compress = false});
  }
  return tables;
}

RecordKey SealedKey(uint64_t number) {
  std::mt19937_64 random(number);
  RecordKey key;
  for (uint8_t& byte : key.digest.bytes) byte = static_cast<uint8_t>(random());
  return key;
}

std::vector<RecordKey> SealPacks(chunk_storage::PlaceStore& store,
                                 uint32_t count) {
  std::mt19937_64 random(5);
  std::vector<RecordKey> keys;
  keys.reserve(count);
  for (uint32_t first = 0; first < count; first += kPlacesPerPack) {
    chunk_storage::SealBatch batch;
    batch.datastore.number = kBenchmarkDatastore;
    batch.pack.number = 1 + first / kPlacesPerPack;
    uint64_t offset = 4096;
    for (uint32_t i = 0; i < std::min(kPlacesPerPack, count - first); ++i) {
      const auto stored =
          static_cast<uint32_t>(1 + random() % uint64_t{kChunkBytes});
      keys.push_back(SealedKey(first + i));
      batch.places.push_back({keys.back(),
                              {.pack = batch.pack.number,
                               .ordinal = i,
                               .offset = offset,
                               .stored_length = stored,
                               .plain_length = kChunkBytes,
                               .encoding = Encoding::kZstd}});
      offset +=
          (kHeaderBytes + stored + kAlignment - 1) / kAlignment * kAlignment;
    }
    CHECK_OK(store.CommitSealed(batch));
  }
  return keys;
}

}  // namespace cairn
