#include "services/chunk_storage/metrics.h"

#include <string>

namespace cairn::chunk_storage {
namespace {

Gauge& StoreBytes(MetricRegistry* registry, const std::string& kind) {
  return registry->AddGauge(
      "cairn_store_bytes",
      "Files of packs, and payload of the records that have a place.",
      {{"kind", kind}});
}

Gauge& Packs(MetricRegistry* registry, const std::string& state) {
  return registry->AddGauge("cairn_store_packs", "Packs of all datastores.",
                            {{"state", state}});
}

Gauge& Records(MetricRegistry* registry, const std::string& state) {
  return registry->AddGauge(
      "cairn_store_records",
      "Records that have a place, and those of them known to be damaged.",
      {{"state", state}});
}

}  // namespace

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
          registry->AddCounter("cairn_verify_checked_records_total",
                               "Records that a verify proved.")),
      verified_bytes(registry->AddCounter("cairn_verify_checked_bytes_total",
                                          "Their payload bytes.")),
      verify_damaged_records(
          registry->AddCounter("cairn_verify_damaged_records_total",
                               "Records that a verify found damaged.")),
      gate_closed(registry->AddGauge(
          "cairn_chunk_storage_gate_closed",
          "1 while writes are refused for want of free space.")),
      stale_sweeps(registry->AddCounter(
          "cairn_fence_rejections_total",
          "Calls refused because a sweep has overtaken who makes them.",
          {{"kind", "sweep"}})),
      pack_bytes(StoreBytes(registry, "packs")),
      live_bytes(StoreBytes(registry, "live")),
      packs_open(Packs(registry, "open")),
      packs_sealed(Packs(registry, "sealed")),
      records_live(Records(registry, "live")),
      records_damaged(Records(registry, "damaged")) {}

}  // namespace cairn::chunk_storage
