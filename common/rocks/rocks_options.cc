#include "common/rocks/rocks_options.h"

#include <algorithm>

#include "rocksdb/filter_policy.h"
#include "rocksdb/table.h"
#include "rocksdb/write_buffer_manager.h"

namespace cairn {
namespace {

constexpr double kBloomBitsPerKey = 10;
constexpr size_t kBlockBytes = 8 * 1024;
constexpr size_t kArenaBlockBytes = 256 * 1024;

}  // namespace

rocksdb::DBOptions RocksDatabaseOptions(const RocksKvStore::Options& options) {
  rocksdb::DBOptions db;
  db.create_if_missing = true;
  db.create_missing_column_families = true;
  db.paranoid_checks = true;
  // Of the write-ahead log only a last record that was cut off is given up,
  // which a power cut leaves of batches without sync (ZeroTails makes one of
  // it where a file system left zeros). Any other damage refuses to open:
  // point in time recovery would drop all synced batches behind a flipped bit
  // and not say so.
  db.wal_recovery_mode =
      rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  db.track_and_verify_wals_in_manifest = true;
  // After a failed sync nothing is retried.
  db.max_bgerror_resume_count = 0;
  db.max_total_wal_size = options.max_wal_bytes;
  db.max_open_files = options.max_open_files;
  db.max_background_jobs = 2;
  // Large files reach the disk in steps, not in one stall at the end.
  db.bytes_per_sync = uint64_t{1} << 20;
  db.keep_log_file_num = 2;
  db.max_log_file_size = size_t{1} << 20;
  db.info_log_level = rocksdb::InfoLogLevel::WARN_LEVEL;
  db.stats_dump_period_sec = 0;
  db.stats_persist_period_sec = 0;
  db.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(
      options.write_buffer_bytes, nullptr, /*allow_stall=*/false);
  return db;
}

rocksdb::ColumnFamilyOptions RocksTableOptions(
    const RocksKvStore::Options& options, const RocksKvStore::Table& table,
    const std::shared_ptr<rocksdb::Cache>& cache) {
  rocksdb::BlockBasedTableOptions blocks;
  blocks.block_cache = cache;
  blocks.cache_index_and_filter_blocks = true;
  blocks.pin_l0_filter_and_index_blocks_in_cache = true;
  blocks.format_version = 5;
  blocks.block_size = kBlockBytes;
  if (table.bloom_filter) {
    blocks.filter_policy.reset(rocksdb::NewBloomFilterPolicy(kBloomBitsPerKey));
    blocks.whole_key_filtering = true;
  }
  rocksdb::ColumnFamilyOptions family;
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(blocks));
  family.write_buffer_size = options.write_buffer_bytes / 2;
  family.max_write_buffer_number = 2;
  // A memtable of one block would be full before its first entry.
  family.arena_block_size =
      std::min<size_t>(kArenaBlockBytes, family.write_buffer_size / 8);
  // What one compaction writes before it frees anything stays below the
  // reserve, which is 8 * write_buffer_bytes.
  family.target_file_size_base = options.write_buffer_bytes;
  family.max_bytes_for_level_base = 2 * options.write_buffer_bytes;
  family.max_compaction_bytes = 5 * options.write_buffer_bytes;
  family.compression =
      table.compress ? rocksdb::kZSTD : rocksdb::kNoCompression;
  family.level_compaction_dynamic_level_bytes = true;
  return family;
}

}  // namespace cairn
