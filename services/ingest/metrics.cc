#include "services/ingest/metrics.h"

#include <string>
#include <vector>

namespace cairn::ingest {
namespace {

Counter& Sessions(MetricRegistry& registry, const std::string& event) {
  return registry.AddCounter("cairn_ingest_sessions_total",
                             "Backup sessions by event.", {{"event", event}});
}

Counter& Chunks(MetricRegistry& registry, const std::string& outcome) {
  return registry.AddCounter("cairn_ingest_chunks_total",
                             "Chunks of write streams by outcome.",
                             {{"outcome", outcome}});
}

Counter& Bytes(MetricRegistry& registry, const std::string& outcome) {
  return registry.AddCounter("cairn_ingest_plain_bytes_total",
                             "Plain bytes of write streams by outcome.",
                             {{"outcome", outcome}});
}

Histogram& Stage(MetricRegistry& registry, const std::string& stage) {
  return registry.AddHistogram("cairn_ingest_stage_seconds",
                               "Time of one run of a pipeline stage.",
                               {{"stage", stage}}, LatencyBuckets());
}

Counter& BackupBytes(MetricRegistry& registry, const std::string& kind) {
  return registry.AddCounter("cairn_backup_bytes_total",
                             "Bytes of write streams.", {{"kind", kind}});
}

// Seconds, from one to a day.
std::vector<double> BackupBuckets() {
  return {1,   2,    5,    10,   30,    60,    120,   300,
          600, 1800, 3600, 7200, 14400, 28800, 57600, 86400};
}

Gauge& Streams(MetricRegistry& registry, const std::string& direction) {
  return registry.AddGauge("cairn_ingest_streams", "Open bulk data streams.",
                           {{"direction", direction}});
}

Counter& RefusedSessions(MetricRegistry& registry, const std::string& limit) {
  return registry.AddCounter("cairn_ingest_sessions_refused_total",
                             "Sessions refused, by the limit reached.",
                             {{"limit", limit}});
}

Counter& Throttled(MetricRegistry& registry, const std::string& direction) {
  return registry.AddCounter("cairn_ingest_throttled_seconds_total",
                             "Time that streams waited for bandwidth.",
                             {{"direction", direction}});
}

}  // namespace

IngestMetrics::IngestMetrics(MetricRegistry* registry)
    : sessions_opened(Sessions(*registry, "opened")),
      sessions_published(Sessions(*registry, "published")),
      sessions_aborted(Sessions(*registry, "aborted")),
      publishes_refused(Sessions(*registry, "refused")),
      sessions_refused_here(RefusedSessions(*registry, "process")),
      sessions_refused_to_client(RefusedSessions(*registry, "client")),
      chunks_stored(Chunks(*registry, "stored")),
      chunks_known(Chunks(*registry, "known")),
      bytes_stored(Bytes(*registry, "stored")),
      bytes_known(Bytes(*registry, "known")),
      bytes_hole(Bytes(*registry, "hole")),
      bytes_reused(Bytes(*registry, "reused")),
      encoded_bytes(registry->AddCounter("cairn_ingest_encoded_bytes_total",
                                         "Encoded bytes of stored chunks.")),
      read_bytes(registry->AddCounter("cairn_ingest_read_bytes_total",
                                      "Plain bytes given out, no holes.")),
      read_chunks(registry->AddCounter("cairn_ingest_read_chunks_total",
                                       "Chunks decoded and proved.")),
      read_damage(registry->AddCounter("cairn_ingest_read_damage_total",
                                       "Reads ended by damage.")),
      write_streams(Streams(*registry, "write")),
      read_streams(Streams(*registry, "read")),
      writes_throttled(Throttled(*registry, "write")),
      reads_throttled(Throttled(*registry, "read")),
      logical_bytes(BackupBytes(*registry, "logical")),
      uploaded_bytes(BackupBytes(*registry, "uploaded")),
      new_stored_bytes(BackupBytes(*registry, "stored")),
      backup_seconds(registry->AddHistogram(
          "cairn_backup_duration_seconds",
          "From the opening of a session to its publish.", {},
          BackupBuckets())),
      chunk_seconds(Stage(*registry, "chunk")),
      hash_seconds(Stage(*registry, "hash")),
      pin_seconds(Stage(*registry, "pin")),
      encode_seconds(Stage(*registry, "compress")),
      put_seconds(Stage(*registry, "put")),
      pages_seconds(Stage(*registry, "page")),
      sync_seconds(Stage(*registry, "sync")),
      checkpoint_seconds(Stage(*registry, "checkpoint")),
      read_seconds(Stage(*registry, "read")),
      decode_seconds(Stage(*registry, "decode")),
      finish_seconds(Stage(*registry, "publish")),
      lease_renewals(registry->AddCounter("cairn_ingest_lease_renewals_total",
                                          "Leases renewed for sessions.")),
      leases_lost(registry->AddCounter("cairn_ingest_leases_lost_total",
                                       "Session leases that expired.")) {}

}  // namespace cairn::ingest
