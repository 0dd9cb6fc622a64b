#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/session.h"
#include "common/time/clock.h"
#include "services/ingest/domain/capabilities.h"
#include "services/ingest/engine/archive_pipeline.h"
#include "services/ingest/engine/backup_stream.h"
#include "services/ingest/engine/bandwidth.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/range_writer.h"
#include "services/ingest/engine/record_sink.h"
#include "services/ingest/engine/session_registry.h"
#include "services/ingest/engine/stream_budget.h"
#include "services/ingest/metrics.h"
#include "services/maintenance/client/catalog_changes.h"

namespace cairn::ingest {

struct OpenSessionRequest {
  Uuid request_id;  // becomes the session's id
  GroupName group;
  std::optional<int64_t> backup_time;  // Unix seconds
  std::string notes;
  std::string client_label;
};

struct OpenStreamRequest {
  SessionName session;
  std::string archive;
  ArchiveKind kind = ArchiveKind::kStream;
  std::optional<ChunkerSpec> chunker;
  uint64_t resume_offset = 0;
};

struct OpenRangesRequest {
  SessionName session;
  std::string archive;
  SnapshotName base_snapshot;
  uint64_t size_bytes = 0;
  uint64_t resume_offset = 0;
};

// Data in: sessions and their streams. Holds nothing durable; what a session
// needs to go on elsewhere is in index. A client sees and writes its own
// sessions only. Thread-safe.
class BackupFrontend {
 public:
  struct Options {
    ArchivePipeline::Options writer;
    RecordSink::Options records;
    StreamBudget::Options memory;
    SessionRegistry::Options sessions;
    // How long a stream waits for the memory it must be guaranteed.
    absl::Duration admission_timeout = absl::Seconds(30);
  };
  // All outlive the frontend.
  struct Dependencies {
    Peers peers;
    CatalogChanges* changes = nullptr;
    const Clock* clock = nullptr;
    Executor* executor = nullptr;
    Executor* renewals = nullptr;  // of leases
    IngestMetrics* metrics = nullptr;
    // What clients are told of; who serves the streams keeps them.
    const Bandwidth* write_bandwidth = nullptr;
    const Bandwidth* read_bandwidth = nullptr;
  };

  BackupFrontend(const Options& options, const Dependencies& dependencies);

  // For sessions that are opened from now on.
  void SetLimits(const SessionRegistry::Limits& limits) {
    registry_.SetLimits(limits);
  }

  Capabilities GetCapabilities() const;

  // Opens the session of `request_id`, or returns the one that it opened.
  // Errors as BackupService.OpenSession.
  absl::StatusOr<Session> OpenSession(const Call& call,
                                      const OpenSessionRequest& request);
  // NotFound (SESSION_NOT_FOUND). PermissionDenied (NOT_OWNER).
  absl::StatusOr<Session> GetSession(const Call& call, const SessionName& name);
  absl::StatusOr<ListPage<Session>> ListSessions(const Call& call,
                                                 const std::string& datastore,
                                                 bool open_only,
                                                 const PageRequest& page);
  // The ttl that runs from now.
  absl::StatusOr<absl::Duration> RenewSession(const Call& call,
                                              const SessionName& name);

  // Begins or goes on with an archive. `call`, its token and the
  // listener outlive the stream. Errors as BackupService.WriteStream.
  absl::StatusOr<std::unique_ptr<BackupStream>> OpenStream(
      const Call& call, const OpenStreamRequest& request,
      ArchivePipeline::Listener* listener);
  // The same for one that comes as chunks. Errors as
  // BackupService.WriteChunks.
  absl::StatusOr<std::unique_ptr<ChunkBackupStream>> OpenChunkStream(
      const Call& call, const OpenStreamRequest& request,
      ArchivePipeline::Listener* listener);
  // The same for one that comes as changes of the base's. Errors as
  // BackupService.WriteRanges.
  absl::StatusOr<std::unique_ptr<RangeBackupStream>> OpenRangeStream(
      const Call& call, const OpenRangesRequest& request,
      ArchivePipeline::Listener* listener);

  // Publishes. Idempotent, and safe to repeat after any failure.
  absl::StatusOr<Snapshot> FinishSession(const Call& call,
                                         const SessionName& name,
                                         const PublishRequest& request);
  // Idempotent.
  absl::Status AbortSession(const Call& call, const SessionName& name);

 private:
  // What every way of writing an archive begins with.
  struct Start {
    Session session;
    ArchiveCheckpoint checkpoint;
    std::unique_ptr<SessionRegistry::Claim> claim;
    std::shared_ptr<StreamBudget::Account> account;
  };

  absl::StatusOr<Session> FindOwn(const Call& call, const SessionName& name);
  // What opened `session` before asks again.
  absl::StatusOr<Session> Reopen(const Call& call,
                                 const OpenSessionRequest& request,
                                 Session session);
  // Takes the lease of a session. That of a session of the group which has
  // ended, left by whoever was cut off before it was given back, is no
  // obstacle.
  absl::StatusOr<Lease> AcquireLease(const Call& call, const Session& draft);
  // Gives back the lease of a session that index refused to open.
  void ReleaseUnopened(const Call& call, const Session& draft);
  absl::StatusOr<Session> CreateSession(const Call& call,
                                        const OpenSessionRequest& request);
  // The newest good snapshot of the group. PermissionDenied (NOT_OWNER): the
  // group has snapshots and is not the caller's.
  absl::StatusOr<std::optional<SnapshotName>> FindBase(const Call& call,
                                                       const GroupName& group);
  absl::StatusOr<ArchiveCheckpoint> StartOf(const Call& call,
                                            const Session& session,
                                            const OpenStreamRequest& request);
  // FailedPrecondition (REUSE_REFUSED): the session has another base, or it
  // has no such image or stream.
  absl::StatusOr<RangeBase> FindRangeBase(const Call& call,
                                          const OpenRangesRequest& request);
  // Claims the archive, holds the lease and finds memory. `guarantee` says
  // how much a stream of a chunker needs.
  absl::StatusOr<Start> BeginArchive(
      const Call& call, const OpenStreamRequest& request,
      absl::FunctionRef<uint64_t(const ChunkerSpec&)> guarantee);
  // `open(start, dependencies)` opens the Writer.
  template <typename Writer, typename OpenWriter>
  absl::StatusOr<std::unique_ptr<WritingStream<Writer>>> OpenWriting(
      const Call& call, const OpenStreamRequest& request, OpenWriter open);
  absl::StatusOr<Snapshot> Publish(const Call& call, const Session& session,
                                   const PublishRequest& request);
  // The session can never be published. Done whether or not the client still
  // waits.
  void EndRefused(const Session& session, const absl::Status& why,
                  bool may_be_prepared);
  // The manifest that the ended session may have prepared, and stored, is
  // refused, so that a rebuild does not list it. In the name of ingest, with
  // a deadline of its own.
  absl::Status CancelManifest(const Session& session);

  const Options options_;
  const Dependencies dependencies_;
  StreamBudget memory_;
  SessionRegistry registry_;
};

}  // namespace cairn::ingest
