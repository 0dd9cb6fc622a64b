#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "common/io/sync_observer.h"
#include "common/kv/kv_store.h"
#include "common/status/fatal_error.h"
#include "common/time/clock.h"

namespace cairn {

// What a RocksKvStore reports about itself.
struct RocksStatistics {
  uint64_t estimated_keys = 0;
  uint64_t sst_bytes = 0;  // of all tables on disk, old ones included
  uint64_t wal_bytes = 0;
  uint64_t memtable_bytes = 0;
  uint64_t block_cache_bytes = 0;
  uint64_t pending_compaction_bytes = 0;
  uint64_t background_errors = 0;
  bool writes_stopped = false;
  uint64_t running_compactions = 0;
  uint64_t running_flushes = 0;
  // Times that a table began to slow, or to stop, its writers.
  uint64_t stalls_delayed = 0;
  uint64_t stalls_stopped = 0;
  uint64_t ballast_bytes = 0;  // 0: given up, or not wanted
};

// A KvStore in RocksDB: one column family a table. Batches are lost only from
// the end; a write-ahead log that is damaged elsewhere is refused by Open. The
// first write, flush or compaction that RocksDB cannot make durable is reported
// to the FatalErrorSink; from then on every call answers Unavailable, and
// nothing is retried in this process.
//
// A full disk is kept away from RocksDB: below `reserve_bytes` of free space
// a commit is refused (ResourceExhausted, STORAGE_FULL) unless its batch
// passes the gate. Should RocksDB meet a full disk all the same, the next
// Open gives up the ballast file, opens without flushing, and read_mostly()
// is true: only batches that pass the gate are taken until an Open finds the
// space back. A batch is at most kMaxBatchBytes (InvalidArgument), and views
// and cursors go before their store. Thread-safe.
class RocksKvStore final : public KvStore {
 public:
  struct Table {
    std::string name;
    // A filter (10 bits a key) saves reads for keys that are not there, at
    // 1.25 bytes of memory a key.
    bool bloom_filter = false;
    // Not worth its time for values that are digests.
    bool compress = true;
  };

  static constexpr uint64_t kMaxBatchBytes = uint64_t{64} << 20;

  struct Options {
    std::string path;           // directory of the database
    std::vector<Table> tables;  // all tables there ever were, in order
    // Shared by all tables, indexes and filters included: what keeps memory
    // bounded at any size of the database.
    uint64_t block_cache_bytes = uint64_t{24} << 20;
    // All memtables together; a write waits when it is passed.
    uint64_t write_buffer_bytes = uint64_t{16} << 20;
    uint64_t max_wal_bytes = uint64_t{64} << 20;
    int max_open_files = 256;
    // What RocksDB needs to flush and compact its way out: at least 8 times
    // write_buffer_bytes, to which its compactions are cut.
    uint64_t reserve_bytes = uint64_t{128} << 20;
    uint64_t ballast_bytes = uint64_t{64} << 20;
    // Asked for free space, and creates `path`. Null: the machine's. RocksDB
    // itself always works on the machine's. Outlives the store.
    FileSystem* files = nullptr;
    // Is told of every sync, which `clock` times: the log's, the tables', the
    // directory's. Null: nobody. The clock outlives the store.
    std::shared_ptr<SyncObserver> syncs = nullptr;
    const Clock* clock = nullptr;
  };

  // Creates the database if there is none. `fatal` outlives the store.
  // DataLoss: the database is damaged; the text says how to get it back.
  static absl::StatusOr<std::unique_ptr<RocksKvStore>> Open(
      const Options& options, FatalErrorSink* fatal);

  ~RocksKvStore() override;

  absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const override;
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      KvTable table, std::span<const std::string> keys) const override;
  std::unique_ptr<KvView> NewView() const override;
  absl::Status Commit(const KvBatch& batch, Durability durability) override;

  bool read_mostly() const;
  RocksStatistics Statistics() const;

 private:
  class Impl;
  explicit RocksKvStore(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace cairn
