#pragma once

#include "common/metrics/metric_registry.h"

namespace cairn::index {

// Every metric that index exports besides those of common/server.
struct IndexMetrics {
  // `registry` outlives the metrics.
  explicit IndexMetrics(MetricRegistry* registry);

  // cairn_index_sessions_total{outcome}
  Counter& sessions_opened;
  Counter& sessions_published;
  Counter& sessions_aborted;
  Counter& sessions_purged;
  // cairn_index_open_sessions: open and not fenced, of all datastores.
  Gauge& open_sessions;
  // cairn_index_fenced_calls_total: refused with SESSION_FENCED.
  Counter& fenced_calls;
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
};

}  // namespace cairn::index
