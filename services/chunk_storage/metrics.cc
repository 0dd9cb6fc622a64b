#include "services/chunk_storage/metrics.h"

namespace cairn::chunk_storage {

Metrics::Metrics(MetricRegistry* registry)
    : records_new(registry->AddCounter(
          "cairn_chunk_storage_put_records_total",
          "Records received, by whether they were stored anew.",
          {{"outcome", "new"}})),
      records_duplicate(registry->AddCounter(
          "cairn_chunk_storage_put_records_total",
          "Records received, by whether they were stored anew.",
          {{"outcome", "duplicate"}})),
      stored_bytes(
          registry->AddCounter("cairn_chunk_storage_stored_bytes_total",
                               "Payload bytes of records stored anew.")),
      pins_present(registry->AddCounter("cairn_chunk_storage_pins_total",
                                        "Records asked for, by the answer.",
                                        {{"outcome", "present"}})),
      pins_missing(registry->AddCounter("cairn_chunk_storage_pins_total",
                                        "Records asked for, by the answer.",
                                        {{"outcome", "missing"}})),
      read_records(
          registry->AddCounter("cairn_chunk_storage_read_records_total",
                               "Records read and proved.")),
      read_bytes(registry->AddCounter("cairn_chunk_storage_read_bytes_total",
                                      "Payload bytes read and proved.")),
      damaged_records(
          registry->AddCounter("cairn_chunk_storage_damaged_records_total",
                               "Reads that found a damaged record.")),
      sync_seconds(registry->AddHistogram(
          "cairn_chunk_storage_sync_seconds",
          "Duration of one sync of a pack, directory included.", {},
          LatencyBuckets())),
      sync_errors(
          registry->AddCounter("cairn_chunk_storage_sync_errors_total",
                               "Failed syncs; the first ends the process.")),
      open_packs(registry->AddGauge("cairn_chunk_storage_open_packs",
                                    "Packs that are not sealed yet.")),
      sealed_packs(
          registry->AddCounter("cairn_chunk_storage_sealed_packs_total",
                               "Packs sealed since the start.")),
      recovered_packs(
          registry->AddCounter("cairn_chunk_storage_recovered_packs_total",
                               "Packs that recovery sealed at the start.")),
      recovered_records(
          registry->AddCounter("cairn_chunk_storage_recovered_records_total",
                               "Records that recovery found in them.")),
      recovered_damaged_bytes(registry->AddCounter(
          "cairn_chunk_storage_recovered_damaged_bytes_total",
          "Bytes that recovery skipped as damaged or torn.")),
      swept_records(
          registry->AddCounter("cairn_chunk_storage_swept_records_total",
                               "Records that sweeps dropped.")),
      swept_bytes(registry->AddCounter("cairn_chunk_storage_swept_bytes_total",
                                       "Bytes of packs that they took.")),
      removed_packs(
          registry->AddCounter("cairn_chunk_storage_removed_packs_total",
                               "Packs that sweeps emptied and removed.")),
      removed_bytes(registry->AddCounter(
          "cairn_chunk_storage_removed_bytes_total", "Bytes of their files.")),
      compacted_bytes(registry->AddCounter(
          "cairn_chunk_storage_compacted_bytes_total",
          "Bytes of records that compaction moved into new packs.")),
      verified_records(
          registry->AddCounter("cairn_chunk_storage_verified_records_total",
                               "Records that a verify proved.")),
      verified_bytes(registry->AddCounter(
          "cairn_chunk_storage_verified_bytes_total", "Their payload bytes.")),
      verify_damaged_records(registry->AddCounter(
          "cairn_chunk_storage_verify_damaged_records_total",
          "Records that a verify found damaged.")),
      gate_closed(registry->AddGauge(
          "cairn_chunk_storage_gate_closed",
          "1 while writes are refused for want of free space.")) {}

}  // namespace cairn::chunk_storage
