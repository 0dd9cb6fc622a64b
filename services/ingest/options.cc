#include "services/ingest/options.h"

#include "absl/strings/str_cat.h"
#include "common/model/catalog.h"
#include "common/model/record.h"
#include "common/status/status_macros.h"
#include "services/ingest/engine/archive_reader.h"
#include "services/ingest/engine/chunk_writer.h"

namespace cairn::ingest {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kMaxMemoryBytes = uint64_t{64} << 30;

absl::Status CheckMemory(absl::string_view name, uint64_t all_bytes,
                         uint64_t guaranteed_bytes) {
  if (all_bytes >= guaranteed_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", all_bytes, ", one stream with chunks of ",
                   kMaxRecordPlainBytes, " needs ", guaranteed_bytes));
}

// What each stream is sure of: with less, a message takes so long that the
// peer takes the server for dead.
constexpr uint64_t kMinStreamBandwidth = uint64_t{64} << 10;
constexpr uint64_t kMaxBandwidth = uint64_t{1} << 40;

absl::Status CheckBandwidth(absl::string_view name, uint64_t bandwidth,
                            int64_t max_streams) {
  const uint64_t least =
      kMinStreamBandwidth * static_cast<uint64_t>(max_streams);
  if (bandwidth == 0 || bandwidth >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, " is ", FormatByteSize(bandwidth), " a second, max-streams ",
      max_streams, " allow no less than ", FormatByteSize(least), ", ",
      FormatByteSize(kMinStreamBandwidth),
      " for each; set it higher, max-streams lower, or 0 for no limit"));
}

}  // namespace

absl::Status Options::Validate(int64_t max_streams) const {
  RETURN_IF_ERROR(
      CheckBandwidth("write-bandwidth", write_bandwidth, max_streams));
  RETURN_IF_ERROR(
      CheckBandwidth("read-bandwidth", read_bandwidth, max_streams));
  const absl::Status write = CheckMemory(
      "write-memory", write_memory_bytes,
      ChunkWriter::GuaranteeFor({.max_bytes = kMaxRecordPlainBytes}));
  if (!write.ok()) return write;
  return CheckMemory("read-memory", read_memory_bytes,
                     ArchiveReader::GuaranteeFor(kMaxRecordPlainBytes));
}

IngestEngine::Options Options::Engine() const {
  IngestEngine::Options engine;
  engine.backup.writer.watermark_interval_bytes = watermark_interval_bytes;
  engine.backup.records.zstd_level = static_cast<int>(zstd_level);
  engine.backup.memory = {.process_bytes = write_memory_bytes,
                          .stream_bytes = write_stream_memory_bytes};
  engine.backup.sessions.lease_ttl = lease_ttl;
  engine.backup.sessions.idle_timeout = session_idle_timeout;
  engine.backup.sessions.max_sessions = static_cast<size_t>(max_sessions);
  engine.backup.sessions.max_sessions_per_client =
      static_cast<size_t>(max_sessions_per_client);
  engine.backup.sessions.holder = holder;
  engine.restore.memory = {.process_bytes = read_memory_bytes,
                           .stream_bytes = read_stream_memory_bytes};
  engine.restore.lease_ttl = lease_ttl;
  engine.restore.holder = holder;
  engine.catalog.trash_time = trash_time;
  engine.write_bandwidth = write_bandwidth;
  engine.read_bandwidth = read_bandwidth;
  return engine;
}

void RegisterPeerSettings(Settings& settings, PeerOptions* options) {
  settings.Add("index", &options->index, "address of index");
  settings.Add("chunk-storage", &options->chunk_storage,
               "address of chunk storage");
  settings.Add("maintenance", &options->maintenance, "address of maintenance");
}

void RegisterSettings(Settings& settings, const std::string& prefix,
                      Options* options) {
  settings.AddBytes(prefix + "write-memory", &options->write_memory_bytes, kMiB,
                    kMaxMemoryBytes,
                    "received bytes that all write streams may hold");
  settings.AddBytes(prefix + "write-stream-memory",
                    &options->write_stream_memory_bytes, kMiB, kMaxMemoryBytes,
                    "received bytes that one write stream may hold");
  settings.AddBytes(prefix + "read-memory", &options->read_memory_bytes, kMiB,
                    kMaxMemoryBytes, "bytes that all reads may hold");
  settings.AddBytes(prefix + "read-stream-memory",
                    &options->read_stream_memory_bytes, kMiB, kMaxMemoryBytes,
                    "bytes that one read may hold");
  settings.AddBytes(prefix + "watermark-interval",
                    &options->watermark_interval_bytes, kMiB, uint64_t{1} << 30,
                    "input of a stream between two durable watermarks");
  settings.Add(prefix + "zstd-level", &options->zstd_level, kMinZstdLevel,
               kMaxZstdLevel, "level at which new chunks are compressed");
  settings.Add(prefix + "lease-ttl", &options->lease_ttl, absl::Seconds(1),
               absl::Hours(24), "how long a lease lasts without a renewal");
  settings.Add(prefix + "session-idle-timeout", &options->session_idle_timeout,
               absl::ZeroDuration(), absl::Hours(24 * 7),
               "how long the lease of an unused session is renewed");
  settings.Add(prefix + "max-sessions", &options->max_sessions, 1, 1'000'000,
               "open backup sessions that this process keeps alive; one more "
               "is told to come again",
               TakesEffect::kReload);
  settings.Add(prefix + "max-sessions-per-client",
               &options->max_sessions_per_client, 1, 1'000'000,
               "how many of them one client may have open; administrators and "
               "services may have all",
               TakesEffect::kReload);
  settings.AddBytes(prefix + "write-bandwidth", &options->write_bandwidth, 0,
                    kMaxBandwidth,
                    "bytes a second that all write streams of this process "
                    "take in, at least 64KiB for each of max-streams; 0: no "
                    "limit",
                    TakesEffect::kReload);
  settings.AddBytes(prefix + "read-bandwidth", &options->read_bandwidth, 0,
                    kMaxBandwidth,
                    "bytes a second that all reads of this process give out, "
                    "at least 64KiB for each of max-streams; 0: no limit",
                    TakesEffect::kReload);
  settings.Add(prefix + "trash-time", &options->trash_time,
               absl::ZeroDuration(), kMaxTrashTime,
               "how long forgotten snapshots can be taken back, unless who "
               "forgets them says; clients may not ask for less");
  settings.Add(prefix + "lease-holder", &options->holder,
               "name of this process in leases, for people");
}

}  // namespace cairn::ingest
