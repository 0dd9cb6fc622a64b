#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/compression/zstd.h"
#include "common/config/settings.h"
#include "services/ingest/engine/ingest_engine.h"

namespace cairn::ingest {

// How ingest works, alone or in cairnd. The fields hold the defaults.
struct Options {
  // Received bytes that all write streams together, and one alone, may hold.
  // A stream begins only when its largest chunk is sure to fit.
  uint64_t write_memory_bytes = uint64_t{96} << 20;
  uint64_t write_stream_memory_bytes = uint64_t{32} << 20;
  // The same of reads, encoded and decoded bytes.
  uint64_t read_memory_bytes = uint64_t{64} << 20;
  uint64_t read_stream_memory_bytes = uint64_t{16} << 20;
  // Input between two watermarks: smaller ones make a lost connection cheap,
  // larger ones save syncs.
  uint64_t watermark_interval_bytes = uint64_t{32} << 20;
  int64_t zstd_level = kDefaultZstdLevel;
  // Without a renewal a session's lease lasts so long.
  absl::Duration lease_ttl = absl::Minutes(2);
  // How long ingest renews the lease of a session that nobody uses.
  absl::Duration session_idle_timeout = absl::Minutes(5);
  int64_t max_sessions = 1024;  // that one process keeps alive
  // Of them, of one client.
  int64_t max_sessions_per_client = 256;
  // Bytes a second that all streams of the process take in, and give out;
  // 0: no limit.
  uint64_t write_bandwidth = 0;
  uint64_t read_bandwidth = 0;
  // How long forgotten snapshots can be taken back, unless a call says.
  absl::Duration trash_time = absl::Hours(24 * 7);
  // Who holds the leases, for people.
  std::string holder = "ingest";

  // `max_streams`: as many as the process serves at one time. InvalidArgument
  // names the setting.
  absl::Status Validate(int64_t max_streams) const;
  IngestEngine::Options Engine() const;
};

// `prefix` is put before each name: "" or "ingest-". `options` outlives
// `settings`.
void RegisterSettings(Settings& settings, const std::string& prefix,
                      Options* options);

// Where the services are that ingest calls, when they are not in its
// process. The fields hold the defaults.
struct PeerOptions {
  std::string index = "127.0.0.1:9441";
  std::string chunk_storage = "127.0.0.1:9442";
  std::string maintenance = "127.0.0.1:9443";
};
void RegisterPeerSettings(Settings& settings, PeerOptions* options);

}  // namespace cairn::ingest
