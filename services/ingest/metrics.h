#pragma once

#include "common/metrics/metric_registry.h"

namespace cairn::ingest {

// Every metric of ingest besides those of its gRPC server.
struct IngestMetrics {
  // `registry` outlives the metrics.
  explicit IngestMetrics(MetricRegistry* registry);

  // Sessions, by how they ended here.
  Counter& sessions_opened;
  Counter& sessions_published;
  Counter& sessions_aborted;
  Counter& publishes_refused;
  // Sessions that were not opened or gone on with, by whose limit was
  // reached: that of the process, or that of one client.
  Counter& sessions_refused_here;
  Counter& sessions_refused_to_client;

  // Chunks and their plain bytes, by what became of them.
  Counter& chunks_stored;
  Counter& chunks_known;
  Counter& bytes_stored;
  Counter& bytes_known;
  Counter& bytes_hole;
  Counter& bytes_reused;
  Counter& encoded_bytes;  // of stored chunks

  // Bytes and chunks that restores gave out.
  Counter& read_bytes;
  Counter& read_chunks;
  Counter& read_damage;

  Gauge& write_streams;
  Gauge& read_streams;
  // Seconds that streams waited for their share of a bandwidth.
  Counter& writes_throttled;
  Counter& reads_throttled;

  // What was written, as backups see it: what the archives hold, holes
  // included; payload that clients sent; encoded bytes that were stored anew.
  Counter& logical_bytes;
  Counter& uploaded_bytes;
  Counter& new_stored_bytes;
  // From the opening of a session to its publish.
  Histogram& backup_seconds;

  // Time that each stage of the pipeline took, a batch or checkpoint each.
  Histogram& chunk_seconds;
  Histogram& hash_seconds;
  Histogram& pin_seconds;
  Histogram& encode_seconds;
  Histogram& put_seconds;
  Histogram& pages_seconds;
  Histogram& sync_seconds;  // of chunk_storage, for a checkpoint
  Histogram& checkpoint_seconds;
  Histogram& read_seconds;  // waiting for records, on restore
  Histogram& decode_seconds;
  Histogram& finish_seconds;

  Counter& lease_renewals;
  Counter& leases_lost;
};

}  // namespace cairn::ingest
