#pragma once

#include <memory>

#include "common/rocks/rocks_kv_store.h"
#include "rocksdb/cache.h"
#include "rocksdb/options.h"

// How RocksKvStore sets RocksDB up. Part of its implementation.
namespace cairn {

rocksdb::DBOptions RocksDatabaseOptions(const RocksKvStore::Options& options);

rocksdb::ColumnFamilyOptions RocksTableOptions(
    const RocksKvStore::Options& options, const RocksKvStore::Table& table,
    const std::shared_ptr<rocksdb::Cache>& cache);

}  // namespace cairn
