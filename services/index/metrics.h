#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/metrics/metric_registry.h"

namespace cairn::index {

// What is looked up of a datastore once in a while, for its gauges.
struct DatastoreFigures {
  // The newest listed snapshot of a group, in Unix seconds; 0: there is none.
  int64_t newest_success = 0;
  int64_t oldest_success = 0;  // of the group that has waited longest
  uint64_t recent_groups = 0;
  uint64_t late_groups = 0;
  uint64_t listed_snapshots = 0;
  uint64_t trash_snapshots = 0;
  uint64_t gone_snapshots = 0;
  uint64_t listed_bytes = 0;
  uint64_t trash_bytes = 0;
  absl::Duration oldest_session;  // its age; 0: none is open
};

// Every metric that index exports besides those of common/server.
struct IndexMetrics {
  // `registry` outlives the metrics.
  explicit IndexMetrics(MetricRegistry* registry);

  // cairn_index_sessions_total{outcome}
  Counter& sessions_opened;
  Counter& sessions_published;
  Counter& sessions_aborted;
  Counter& sessions_purged;
  // cairn_sessions_open: open and not fenced, of all datastores.
  Gauge& open_sessions;
  // cairn_sessions_fenced_total: that a fence has overtaken.
  Counter& sessions_fenced;
  // cairn_fence_rejections_total{kind}: refused with SESSION_FENCED, and
  // with STALE_TOKEN.
  Counter& fenced_calls;
  Counter& stale_sweeps;
  // cairn_index_pages_total{outcome}
  Counter& pages_stored;
  Counter& pages_known;
  // cairn_index_checkpoints_total
  Counter& checkpoints;
  // cairn_index_catalog_changes_total: committed.
  Counter& catalog_changes;
  // cairn_index_fence_raises_total
  Counter& fence_raises;
  // cairn_index_sweeps_total: begun.
  Counter& sweeps_begun;
  // cairn_index_snapshots_gone_total: whose time in trash was over.
  Counter& snapshots_gone;
  // cairn_index_marked_pages_total, _references_total: of walks that ended.
  Counter& marked_pages;
  Counter& marked_references;
  // cairn_index_dropped_pages_total, _bytes_total
  Counter& dropped_pages;
  Counter& dropped_page_bytes;
  // cairn_index_page_reads_total{outcome}: pages that restores walk.
  Counter& page_cache_hits;
  Counter& page_cache_misses;

  // cairn_backup_...{datastore}, cairn_snapshots...{datastore}, and
  // cairn_gc_cut_lag_seconds{datastore}; datastores are few.
  void Show(const std::string& datastore, const DatastoreFigures& figures);
  // cairn_backup_last_attempt_timestamp_seconds{datastore}: the latest.
  void ShowAttempt(const std::string& datastore, absl::Time time);

 private:
  MetricRegistry* const registry_;
  absl::Mutex mutex_;
  std::map<std::string, absl::Time> attempts_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::index
