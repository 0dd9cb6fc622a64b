#pragma once

#include <cstdint>
#include <vector>

#include "common/model/record.h"
#include "common/rocks/rocks_kv_store.h"
#include "services/chunk_storage/storage/place_store.h"

// Rows of a chunk_storage whose packs are sealed, for the stages about places.
namespace cairn {

inline constexpr uint32_t kBenchmarkDatastore = 1;

// The tables of PlaceStore, set up as chunk_storage does.
std::vector<RocksKvStore::Table> PlaceTables();

// The key of chunk `number`, whose digest is as random as a real one's.
RecordKey SealedKey(uint64_t number);

// Makes rows of `count` chunks, numbered from 0, that lie one after the other
// in packs of 50,000; lengths as of chunks of 1 MiB that compress by any
// amount. Returns their keys by number.
std::vector<RecordKey> SealPacks(chunk_storage::PlaceStore& store,
                                 uint32_t count);

}  // namespace cairn
