#pragma once

#include "common/metrics/metric_registry.h"

namespace cairn::chunk_storage {

// Every metric of chunk_storage beside those of its RPCs. Thread-safe.
struct Metrics {
  // `registry` outlives the metrics.
  explicit Metrics(MetricRegistry* registry);

  Counter& records_new;
  Counter& records_duplicate;
  Counter& stored_bytes;  // payload of new records
  Counter& pins_present;
  Counter& pins_missing;
  Counter& read_records;
  Counter& read_bytes;  // payload
  Counter& damaged_records;
  Gauge& open_packs;  // not sealed yet
  Counter& sealed_packs;
  Counter& recovered_packs;
  Counter& recovered_records;
  Counter& recovered_damaged_bytes;
  // Of sweeps: what they dropped, removed and copied.
  Counter& swept_records;
  Counter& swept_bytes;  // extents
  Counter& removed_packs;
  Counter& removed_bytes;    // of files
  Counter& compacted_bytes;  // extents
  Counter& verified_records;
  Counter& verified_bytes;  // payload
  Counter& verify_damaged_records;
  Gauge& gate_closed;     // 1: writes are refused for want of space
  Counter& stale_sweeps;  // calls with a token that is not the highest
  // Of all datastores, as they were looked up last.
  Gauge& pack_bytes;
  Gauge& live_bytes;
  Gauge& packs_open;
  Gauge& packs_sealed;
  Gauge& records_live;
  Gauge& records_damaged;
};

}  // namespace cairn::chunk_storage
