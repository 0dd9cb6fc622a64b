#include "services/ingest/engine/backup_frontend.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/log/log_fields.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/chunker_choice.h"
#include "services/ingest/domain/owner_rule.h"
#include "services/ingest/domain/session_state.h"
#include "services/ingest/engine/base_entries.h"
#include "services/ingest/engine/stage_timer.h"

namespace cairn::ingest {
namespace {

constexpr size_t kMaxClientLabelBytes = 256;
// Snapshots that are looked at for a good base before none is used.
constexpr uint32_t kMaxBaseCandidates = 64;

// Only a session whose archives are all complete can have prepared.
bool MayBePrepared(const Session& session) {
  return !session.archives.empty() &&
         std::all_of(session.archives.begin(), session.archives.end(),
                     [](const ArchiveCheckpoint& a) { return a.complete(); });
}

absl::Status CheckSameRequest(const Session& session,
                              const OpenSessionRequest& request) {
  absl::string_view differs;
  if (session.snapshot.group != request.group) {
    differs = "group";
  } else if (request.backup_time.has_value() &&
             session.snapshot.time != *request.backup_time) {
    differs = "backup_time";
  } else if (session.notes != request.notes) {
    differs = "notes";
  } else if (session.client_label != request.client_label) {
    differs = "client_label";
  } else {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("request_id ", request.request_id.ToString(),
                   " opened a session before with another ", differs,
                   "; use a new request_id for another backup"));
}

absl::Status Validate(const OpenSessionRequest& request) {
  if (request.request_id.is_zero()) {
    return absl::InvalidArgumentError("request_id is not set");
  }
  if (request.notes.size() > kMaxNotesBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("notes have ", request.notes.size(),
                     " bytes, allowed are ", kMaxNotesBytes));
  }
  if (request.client_label.size() > kMaxClientLabelBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("client_label has ", request.client_label.size(),
                     " bytes, allowed are ", kMaxClientLabelBytes));
  }
  if (request.backup_time.has_value() &&
      (*request.backup_time < 1 || *request.backup_time > kMaxSnapshotTime)) {
    return absl::InvalidArgumentError(
        absl::StrCat("backup_time is ", *request.backup_time,
                     " s, allowed are 1..", kMaxSnapshotTime));
  }
  return absl::OkStatus();
}

}  // namespace

BackupFrontend::BackupFrontend(const Options& options,
                               const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      memory_(options.memory, dependencies.executor),
      registry_(options.sessions, {.peers = dependencies.peers,
                                   .clock = dependencies.clock,
                                   .executor = dependencies.renewals,
                                   .metrics = dependencies.metrics}) {}

Capabilities BackupFrontend::GetCapabilities() const {
  const SessionRegistry::Limits limits = registry_.limits();
  return {.max_frame_bytes = kMaxFrameBytes,
          .max_blob_bytes = kMaxRecordPlainBytes,
          .max_archives = kMaxArchivesPerSnapshot,
          .watermark_interval_bytes = options_.writer.watermark_interval_bytes,
          .lease_ttl = options_.sessions.lease_ttl,
          .server_time = dependencies_.clock->Now(),
          .max_page_size = kMaxPageSize,
          .max_sessions = limits.max_sessions,
          .max_sessions_per_client =
              std::min(limits.max_sessions, limits.max_sessions_per_client),
          .write_bandwidth = dependencies_.write_bandwidth->bytes_per_second(),
          .read_bandwidth = dependencies_.read_bandwidth->bytes_per_second()};
}

absl::StatusOr<Session> BackupFrontend::FindOwn(const Call& call,
                                                const SessionName& name) {
  SetLogField("session", name.session.ToString());
  ASSIGN_OR_RETURN(Session session,
                   dependencies_.peers.sessions->GetSession(
                       ForPeer(call, *dependencies_.clock), name));
  RETURN_IF_ERROR(CheckOwner(call.caller,
                             absl::StrCat("session ", name.session.ToString()),
                             session.owner));
  RETURN_IF_ERROR(CheckReach(call.caller, session.snapshot.group));
  SetLogField("snapshot", session.snapshot.ToString());
  return session;
}

absl::StatusOr<Session> BackupFrontend::OpenSession(
    const Call& call, const OpenSessionRequest& request) {
  RETURN_IF_ERROR(Validate(request));
  absl::StatusOr<Session> session =
      FindOwn(call, {request.group.parent.datastore, request.request_id});
  if (session.ok()) return Reopen(call, request, *std::move(session));
  if (!HasReason(session.status(), reason::kSessionNotFound)) return session;
  return CreateSession(call, request);
}

absl::StatusOr<Session> BackupFrontend::Reopen(
    const Call& call, const OpenSessionRequest& request, Session session) {
  RETURN_IF_ERROR(CheckSameRequest(session, request));
  if (session.state != SessionState::kOpen) return session;
  // The client is back: its lease may have run out meanwhile.
  ASSIGN_OR_RETURN(SessionRegistry::Renewed renewed,
                   registry_.Renew(call, session));
  return std::move(renewed.session);
}

absl::StatusOr<std::optional<SnapshotName>> BackupFrontend::FindBase(
    const Call& call, const GroupName& group) {
  const SnapshotQuery query{
      .parent = group.parent, .group = group, .newest_first = true};
  const absl::StatusOr<ListPage<Snapshot>> newest =
      dependencies_.peers.catalog->ListSnapshots(
          ForPeer(call, *dependencies_.clock), query,
          {.page_size = kMaxBaseCandidates});
  // A group that is new, or a namespace that index will refuse by name.
  if (absl::IsNotFound(newest.status())) return std::nullopt;
  RETURN_IF_ERROR(newest.status());
  for (const Snapshot& snapshot : newest->items) {
    RETURN_IF_ERROR(CheckMayWrite(call.caller, group, snapshot.owner));
    if (snapshot.state == SnapshotState::kListed &&
        snapshot.verification.state != VerifyState::kFailed) {
      return snapshot.name;
    }
  }
  return std::nullopt;
}

absl::StatusOr<Session> BackupFrontend::CreateSession(
    const Call& call, const OpenSessionRequest& request) {
  const std::string& datastore_name = request.group.parent.datastore;
  // Before anything is taken that the session would leave behind.
  RETURN_IF_ERROR(registry_.CheckRoom(call));
  ASSIGN_OR_RETURN(const Datastore datastore,
                   dependencies_.changes->Open(call, datastore_name));
  Session draft;
  draft.ref = {.datastore = datastore.ref, .session = request.request_id};
  draft.snapshot.group = request.group;
  draft.owner = call.caller.principal;
  // This refuses who does not own the group, before the lease below keeps
  // its owner from it. Index has the last word.
  ASSIGN_OR_RETURN(draft.base, FindBase(call, request.group));

  // Without an answer no page of the base is taken over whole, nor of this
  // snapshot by the next one.
  const absl::StatusOr<StoreStatistics> store =
      dependencies_.peers.chunks->Statistics(
          ForPeer(call, *dependencies_.clock), datastore.ref);
  draft.loss_mark = store.ok() ? store->loss_mark : 0;

  SessionLeases& leases = registry_.leases();
  absl::StatusOr<Lease> lease = AcquireLease(call, draft);
  if (absl::IsInvalidArgument(lease.status())) {
    // An earlier try took it with another base. If it also opened the
    // session, that base stays.
    absl::StatusOr<Session> opened =
        FindOwn(call, {datastore_name, request.request_id});
    if (opened.ok()) return Reopen(call, request, *std::move(opened));
    if (!HasReason(opened.status(), reason::kSessionNotFound)) return opened;
    leases.Release(call, draft);
    lease = leases.Acquire(call, draft);
  }
  RETURN_IF_ERROR(lease.status());
  draft.ref.epoch = lease->start_epoch;
  absl::StatusOr<Session> session = dependencies_.peers.sessions->OpenSession(
      ForPeer(call, *dependencies_.clock),
      {.ref = draft.ref,
       .group = request.group,
       .backup_time = request.backup_time,
       .base = draft.base,
       .owner = call.caller.principal,
       .notes = request.notes,
       .client_label = request.client_label,
       .lease = lease->id,
       .loss_mark = draft.loss_mark});
  absl::Status status = session.status();
  if (status.ok()) status = registry_.Touch(call, *session);
  if (!status.ok()) {
    // Without an answer the session may be there, and needs its lease: it
    // expires by itself. A session that this process cannot keep is found
    // by the client's next try.
    if (IsDefinitive(status)) ReleaseUnopened(call, draft);
    return status;
  }
  dependencies_.metrics->sessions_opened.Increment();
  LOG(INFO) << "session opened session=" << session->ref.session.ToString()
            << " snapshot=" << session->snapshot.ToString()
            << " epoch=" << session->ref.epoch;
  return session;
}

absl::StatusOr<Lease> BackupFrontend::AcquireLease(const Call& call,
                                                   const Session& draft) {
  SessionLeases& leases = registry_.leases();
  absl::StatusOr<Lease> lease = leases.Acquire(call, draft);
  if (!HasReason(lease.status(), reason::kLeaseHeld)) return lease;
  // The lease of a backup has the id of its session.
  std::optional<Reason> held = ReasonOf(lease.status());
  const absl::StatusOr<Uuid> id = Uuid::Parse(held->metadata["lease"]);
  if (!id.ok()) return lease;
  const absl::StatusOr<Session> holder =
      dependencies_.peers.sessions->GetSession(
          ForPeer(call, *dependencies_.clock),
          {draft.snapshot.group.parent.datastore, *id});
  if (!holder.ok() || (holder->state != SessionState::kPublished &&
                       holder->state != SessionState::kAborted)) {
    return lease;
  }
  leases.Release(call, *holder);
  return leases.Acquire(call, draft);
}

void BackupFrontend::ReleaseUnopened(const Call& call, const Session& draft) {
  // Another call of the same id may have opened it, and holds the lease.
  const absl::Status found =
      dependencies_.peers.sessions
          ->GetSession(
              ForRelease(call, *dependencies_.clock),
              {draft.snapshot.group.parent.datastore, draft.ref.session})
          .status();
  if (HasReason(found, reason::kSessionNotFound)) {
    registry_.leases().Release(call, draft);
  }
}

absl::StatusOr<Session> BackupFrontend::GetSession(const Call& call,
                                                   const SessionName& name) {
  return FindOwn(call, name);
}

absl::StatusOr<ListPage<Session>> BackupFrontend::ListSessions(
    const Call& call, const std::string& datastore, bool open_only,
    const PageRequest& page) {
  ASSIGN_OR_RETURN(
      ListPage<Session> sessions,
      dependencies_.peers.sessions->ListSessions(
          ForPeer(call, *dependencies_.clock), datastore, open_only, page));
  std::erase_if(sessions.items, [&call](const Session& session) {
    return !MayAccess(call.caller, session.owner) ||
           !MayReach(call.caller, session.snapshot.group);
  });
  return sessions;
}

absl::StatusOr<absl::Duration> BackupFrontend::RenewSession(
    const Call& call, const SessionName& name) {
  ASSIGN_OR_RETURN(const Session session, FindOwn(call, name));
  RETURN_IF_ERROR(CheckOpen(session));
  ASSIGN_OR_RETURN(const SessionRegistry::Renewed renewed,
                   registry_.Renew(call, session));
  return renewed.ttl;
}

absl::StatusOr<ArchiveCheckpoint> BackupFrontend::StartOf(
    const Call& call, const Session& session,
    const OpenStreamRequest& request) {
  RETURN_IF_ERROR(ValidateArchiveId(request.archive));
  const auto found = std::find_if(
      session.archives.begin(), session.archives.end(),
      [&](const ArchiveCheckpoint& a) { return a.name == request.archive; });
  if (found == session.archives.end()) {
    if (session.archives.size() >= kMaxArchivesPerSnapshot) {
      return WithReason(
          absl::ResourceExhaustedError(absl::StrCat(
              "session ", session.ref.session.ToString(), " has ",
              session.archives.size(), " archives, no more are allowed")),
          reason::kLimitExceeded);
    }
    std::optional<Snapshot> base;
    if (session.base.has_value() && !request.chunker.has_value()) {
      absl::StatusOr<Snapshot> snapshot =
          dependencies_.peers.catalog->GetSnapshot(
              ForPeer(call, *dependencies_.clock), *session.base);
      // A base that is gone only costs the match of boundaries.
      if (!absl::IsNotFound(snapshot.status())) {
        RETURN_IF_ERROR(snapshot.status());
        base = *std::move(snapshot);
      }
    }
    ArchiveCheckpoint start{.name = request.archive, .kind = request.kind};
    ASSIGN_OR_RETURN(start.chunker, ChooseChunker(request.archive, request.kind,
                                                  request.chunker, base));
    return start;
  }
  if (found->complete()) {
    return WithReason(absl::AlreadyExistsError(absl::StrCat(
                          "archive ", request.archive, " of session ",
                          session.ref.session.ToString(), " is complete with ",
                          found->durable_bytes, " bytes")),
                      reason::kArchiveExists);
  }
  if (found->kind != request.kind ||
      (request.chunker.has_value() && *request.chunker != found->chunker)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "archive ", request.archive, " was begun as ",
        ArchiveKindName(found->kind), " cut by ", found->chunker.name,
        "; resume it with the same kind and chunker"));
  }
  return *found;
}

absl::StatusOr<BackupFrontend::Start> BackupFrontend::BeginArchive(
    const Call& call, const OpenStreamRequest& request,
    absl::FunctionRef<uint64_t(const ChunkerSpec&)> guarantee) {
  Start start;
  ASSIGN_OR_RETURN(start.session, FindOwn(call, request.session));
  RETURN_IF_ERROR(CheckOpen(start.session));
  RETURN_IF_ERROR(ValidateArchiveId(request.archive));
  ASSIGN_OR_RETURN(start.claim, registry_.ClaimArchive(call, start.session,
                                                       request.archive));
  // Whoever goes on with a session holds its lease before saying so. The
  // session is read again by that: a stream that had the archive until now
  // may have moved it, and the session may have ended.
  ASSIGN_OR_RETURN(SessionRegistry::Renewed renewed,
                   registry_.Renew(call, start.session));
  start.session = std::move(renewed.session);
  ASSIGN_OR_RETURN(start.checkpoint, StartOf(call, start.session, request));
  const uint64_t durable_bytes = start.checkpoint.durable_bytes;
  if (request.resume_offset != durable_bytes) {
    return WithReason(
        absl::OutOfRangeError(absl::StrCat(
            "resume_offset of archive ", request.archive, " is ",
            request.resume_offset, ", it is durable up to ", durable_bytes)),
        reason::kOffsetMismatch, {{"expected", absl::StrCat(durable_bytes)}});
  }
  ASSIGN_OR_RETURN(start.account,
                   memory_.Open(call, guarantee(start.checkpoint.chunker),
                                options_.admission_timeout));
  return start;
}

template <typename Writer, typename OpenWriter>
absl::StatusOr<std::unique_ptr<WritingStream<Writer>>>
BackupFrontend::OpenWriting(const Call& call, const OpenStreamRequest& request,
                            OpenWriter open) {
  ASSIGN_OR_RETURN(Start start,
                   BeginArchive(call, request, Writer::GuaranteeFor));
  auto stream = std::make_unique<WritingStream<Writer>>(
      std::move(start.claim),
      std::make_unique<RecordSink>(options_.records, dependencies_.peers,
                                   dependencies_.clock, start.session.ref,
                                   dependencies_.metrics),
      start.checkpoint.durable_bytes, start.checkpoint.chunker,
      dependencies_.metrics);
  ASSIGN_OR_RETURN(
      std::unique_ptr<Writer> writer,
      open(std::move(start),
           ArchivePipeline::Dependencies{.executor = dependencies_.executor,
                                         .sink = stream->sink()}));
  stream->Attach(std::move(writer));
  // The session may have ended since it was read.
  RETURN_IF_ERROR(stream->writer().status());
  return stream;
}

absl::StatusOr<std::unique_ptr<BackupStream>> BackupFrontend::OpenStream(
    const Call& call, const OpenStreamRequest& request,
    ArchivePipeline::Listener* listener) {
  return OpenWriting<ArchiveWriter>(
      call, request,
      [&](Start start, const ArchivePipeline::Dependencies& dependencies) {
        return ArchiveWriter::Open(options_.writer, dependencies, call,
                                   std::move(start.checkpoint),
                                   std::move(start.account), listener);
      });
}

absl::StatusOr<std::unique_ptr<ChunkBackupStream>>
BackupFrontend::OpenChunkStream(const Call& call,
                                const OpenStreamRequest& request,
                                ArchivePipeline::Listener* listener) {
  return OpenWriting<ChunkWriter>(
      call, request,
      [&](Start start, const ArchivePipeline::Dependencies& dependencies) {
        return ChunkWriter::Open(
            options_.writer, dependencies, call, std::move(start.checkpoint),
            std::move(start.account),
            BaseEntries(dependencies_.peers.sessions, dependencies_.clock,
                        start.session.base),
            listener);
      });
}

absl::StatusOr<RangeBase> BackupFrontend::FindRangeBase(
    const Call& call, const OpenRangesRequest& request) {
  RETURN_IF_ERROR(ValidateArchiveId(request.archive));
  ASSIGN_OR_RETURN(const Session session, FindOwn(call, request.session));
  RETURN_IF_ERROR(CheckOpen(session));
  const auto refused = [&](absl::string_view why) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "archive ", request.archive, " cannot be written as changes: ", why,
            "; send it whole")),
        reason::kReuseRefused);
  };
  if (!session.base.has_value()) return refused("the session has no base");
  if (*session.base != request.base_snapshot) {
    return refused(
        absl::StrCat("base_snapshot is ", request.base_snapshot.ToString(),
                     ", the session's base is ", session.base->ToString()));
  }
  absl::StatusOr<Snapshot> snapshot = dependencies_.peers.catalog->GetSnapshot(
      ForPeer(call, *dependencies_.clock), *session.base);
  if (absl::IsNotFound(snapshot.status())) {
    return refused(snapshot.status().message());
  }
  RETURN_IF_ERROR(snapshot.status());
  for (const Archive& archive : snapshot->archives) {
    if (archive.name != request.archive) continue;
    if (archive.kind == ArchiveKind::kBlob) return refused("it is a blob");
    const auto& kept = session.base_archives;
    const bool is_kept =
        std::find(kept.begin(), kept.end(), archive) != kept.end();
    return RangeBase{.snapshot = *session.base,
                     .session = session.ref,
                     .archive = archive,
                     .loss_mark = is_kept ? session.loss_mark : 0};
  }
  return refused(absl::StrCat("the base ", session.base->ToString(),
                              " has no such archive"));
}

absl::StatusOr<std::unique_ptr<RangeBackupStream>>
BackupFrontend::OpenRangeStream(const Call& call,
                                const OpenRangesRequest& request,
                                ArchivePipeline::Listener* listener) {
  ASSIGN_OR_RETURN(const RangeBase base, FindRangeBase(call, request));
  return OpenWriting<RangeWriter>(
      call,
      {.session = request.session,
       .archive = request.archive,
       .kind = base.archive.kind,
       .resume_offset = request.resume_offset},
      [&](Start start, const ArchivePipeline::Dependencies& dependencies) {
        return RangeWriter::Open(options_.writer, dependencies,
                                 {.peers = dependencies_.peers,
                                  .clock = dependencies_.clock,
                                  .executor = dependencies_.executor,
                                  .metrics = dependencies_.metrics},
                                 call, std::move(start.checkpoint),
                                 std::move(start.account), base,
                                 request.size_bytes, listener);
      });
}

absl::StatusOr<Snapshot> BackupFrontend::FinishSession(
    const Call& call, const SessionName& name, const PublishRequest& request) {
  StageTimer timer(dependencies_.clock, dependencies_.metrics->finish_seconds);
  ASSIGN_OR_RETURN(const Session session, FindOwn(call, name));
  // A publish that has begun is brought to its end, so that it fails for a
  // reason, not because the client no longer waits: it may ask again.
  const Call detached = Detached(call);
  ASSIGN_OR_RETURN(Snapshot snapshot, Publish(detached, session, request));
  registry_.End(
      detached, session,
      WithReason(absl::FailedPreconditionError(absl::StrCat(
                     "session ", name.session.ToString(), " is published")),
                 reason::kSessionEnded));
  return snapshot;
}

absl::StatusOr<Snapshot> BackupFrontend::Publish(
    const Call& call, const Session& session, const PublishRequest& request) {
  const Peers& peers = dependencies_.peers;
  absl::StatusOr<PreparedPublish> prepared = peers.sessions->PreparePublish(
      ForPeer(call, *dependencies_.clock), session.ref, request);
  if (!prepared.ok()) {
    if (EndsSession(prepared.status())) {
      EndRefused(session, prepared.status(), MayBePrepared(session));
    }
    return prepared.status();
  }
  if (prepared->published.has_value()) return *std::move(prepared->published);
  // Every chunk and page is durable: an archive counts as complete only by a
  // checkpoint that was saved after chunk_storage had synced them.
  std::vector<Record> records;
  records.push_back(std::move(prepared->manifest));
  RETURN_IF_ERROR(peers.chunks
                      ->Append(ForPeer(call, *dependencies_.clock),
                               session.ref.datastore, std::move(records))
                      .status());
  absl::StatusOr<Snapshot> snapshot = peers.sessions->CommitPublish(
      ForPeer(call, *dependencies_.clock), session.ref, prepared->sequence);
  if (snapshot.ok()) {
    dependencies_.metrics->sessions_published.Increment();
    // Index has told when it began, by a clock that may be ahead.
    const absl::Duration taken = std::max(
        absl::ZeroDuration(), dependencies_.clock->Now() - session.open_time);
    dependencies_.metrics->backup_seconds.Observe(absl::ToDoubleSeconds(taken));
    LOG(INFO) << "snapshot published snapshot=" << snapshot->name.ToString()
              << " size_bytes=" << snapshot->size_bytes()
              << " stored_bytes=" << snapshot->stored_bytes;
  } else if (IsDefinitive(snapshot.status())) {
    EndRefused(session, snapshot.status(), /*may_be_prepared=*/true);
  }
  return snapshot;
}

void BackupFrontend::EndRefused(const Session& session, const absl::Status& why,
                                bool may_be_prepared) {
  dependencies_.metrics->publishes_refused.Increment();
  registry_.End(OwnCall(), session, why);
  if (!may_be_prepared) return;
  const absl::Status cancelled = CancelManifest(session);
  if (!cancelled.ok()) {
    LOG(WARNING) << "manifest of a refused publish not cancelled snapshot="
                 << session.snapshot.ToString() << " error=" << cancelled;
  }
}

absl::Status BackupFrontend::CancelManifest(const Session& session) {
  Call call = OwnCall();
  call.deadline = dependencies_.clock->Now() + kPeerTimeout;
  const absl::Status cancelled = dependencies_.changes->Apply(
      call, session.snapshot.group.parent.datastore,
      RefusedPublishChange{.name = session.snapshot,
                           .session = session.ref.session,
                           .manifest = Digest()});
  // Nothing was prepared, or the session is too old to be known.
  return absl::IsNotFound(cancelled) ? absl::OkStatus() : cancelled;
}

absl::Status BackupFrontend::AbortSession(const Call& call,
                                          const SessionName& name) {
  ASSIGN_OR_RETURN(const Session session, FindOwn(call, name));
  const absl::Status aborted = dependencies_.peers.sessions->AbortSession(
      ForPeer(call, *dependencies_.clock), session.ref);
  // A fenced session can never publish: it has ended, whoever asks.
  if (!aborted.ok() && !HasReason(aborted, reason::kSessionFenced)) {
    return aborted;
  }
  if (session.state == SessionState::kOpen) {
    dependencies_.metrics->sessions_aborted.Increment();
  }
  registry_.End(
      call, session,
      WithReason(absl::FailedPreconditionError(absl::StrCat(
                     "session ", name.session.ToString(), " is aborted")),
                 reason::kSessionEnded));
  return MayBePrepared(session) ? CancelManifest(session) : absl::OkStatus();
}

}  // namespace cairn::ingest
