#pragma once

#include <memory>
#include <string>

#include "common/io/sync_observer.h"
#include "common/metrics/metric_registry.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/time/clock.h"

namespace cairn {

// What every service with a store tells about it, labelled by `store`:
//   cairn_store_free_bytes, cairn_store_size_bytes: of its file system
//   cairn_fsync_seconds{file}, cairn_fsync_errors_total{file}
//   cairn_rocksdb_...: the state of its database, as it is at a scrape
class StoreMetrics {
 public:
  // `path`: the directory of the store. `clock` and `registry` outlive this.
  StoreMetrics(const std::string& store, const std::string& path,
               const Clock* clock, MetricRegistry* registry);
  // As Detach.
  ~StoreMetrics();
  StoreMetrics(const StoreMetrics&) = delete;
  StoreMetrics& operator=(const StoreMetrics&) = delete;

  // For the files of the store and for its database; may outlive this, not
  // the registry.
  std::shared_ptr<SyncObserver> syncs() const { return syncs_; }

  // Shows `database` from now on; once.
  void Attach(const RocksKvStore* database);
  // The database is about to close: its last figures stay.
  void Detach();

 private:
  class Figures;

  const std::string store_;
  MetricRegistry* const registry_;
  const std::shared_ptr<SyncObserver> syncs_;
  const std::shared_ptr<Figures> figures_;
};

}  // namespace cairn
