#include "services/index/engine/session_catalog.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/retry_delay.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/owner_rules.h"
#include "services/index/domain/session_rules.h"
#include "services/index/domain/snapshot_rules.h"
#include "services/index/domain/text_rules.h"
#include "services/index/engine/catalog_lookup.h"
#include "services/index/engine/list_walk.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

// Rows that one OpenSession looks at and may remove: it pays for more than
// it adds, so that they cannot pile up.
constexpr size_t kPurgedPerOpen = 4;
constexpr size_t kMaxLabelBytes = 256;
// For who finds no room: ingest ends abandoned sessions about as often.
constexpr absl::Duration kRetryDelay = absl::Minutes(1);
// About what one archive adds to the answer of a list.
constexpr size_t kArchiveBytes = 512;

uint64_t FenceOf(const DatastoreState& state) {
  absl::ReaderMutexLock lock(&state.gate);
  return state.numbers.fence;
}

absl::Status CheckRequest(const Datastore& datastore,
                          const NewSession& request) {
  if (request.group.parent.datastore != datastore.name) {
    return absl::InvalidArgumentError(absl::StrCat(
        "group ", request.group.ToString(), " is not of the session's ",
        "datastore ", datastore.name));
  }
  RETURN_IF_ERROR(GroupName::Parse(request.group.ToString()).status());
  if (request.ref.session.is_zero() || request.lease.is_zero() ||
      request.ref.epoch == 0) {
    return absl::InvalidArgumentError("session, lease or epoch is zero");
  }
  if (request.base.has_value() && request.base->group != request.group) {
    return absl::InvalidArgumentError(
        absl::StrCat("base snapshot ", request.base->ToString(),
                     " is not of the group ", request.group.ToString()));
  }
  RETURN_IF_ERROR(CheckPrincipal("owner", request.owner));
  RETURN_IF_ERROR(CheckText("notes", request.notes, kMaxNotesBytes));
  return CheckText("client_label", request.client_label, kMaxLabelBytes);
}

absl::StatusOr<SnapshotRow> LoadBase(const IndexView& view,
                                     const SnapshotName& base) {
  ASSIGN_OR_RETURN(SnapshotRow row, LoadSnapshot(view, base));
  if (row.verification.state != VerifyState::kFailed) return row;
  return absl::FailedPreconditionError(
      absl::StrCat("base snapshot ", base.ToString(),
                   " did not pass its last verify; use another or none"));
}

// Of a base, what a session that begins under `loss_mark` may take over by
// its pages alone: nothing that the base pinned when it began was lost since.
std::vector<Archive> TakeableArchives(SnapshotRow base, uint64_t loss_mark) {
  if (loss_mark == 0 || base.loss_mark != loss_mark) return {};
  std::erase_if(base.archives, [](const Archive& archive) {
    return archive.kind == ArchiveKind::kBlob;
  });
  return std::move(base.archives);
}

bool Passes(SessionFilter filter, const SessionRow& row, uint64_t fence) {
  switch (filter) {
    case SessionFilter::kAll:
      return true;
    case SessionFilter::kOpen:
      return DeriveState(row, fence) == SessionState::kOpen;
    case SessionFilter::kUncancelled:
      break;
  }
  return IsUncancelled(row, fence);
}

// Part of what a page token stands for.
std::string_view FilterName(SessionFilter filter) {
  switch (filter) {
    case SessionFilter::kAll:
      return "";
    case SessionFilter::kOpen:
      return "o";
    case SessionFilter::kUncancelled:
      break;
  }
  return "u";
}

std::optional<std::string> OwnerOf(const std::optional<GroupRow>& group) {
  if (!group.has_value()) return std::nullopt;
  return group->owner;
}

}  // namespace

absl::StatusOr<SessionRow> SessionCatalog::NewRow(
    const Call& call, const IndexView& view, const NewSession& request) const {
  RETURN_IF_ERROR(CheckNamespaceExists(view, request.group.parent));
  ASSIGN_OR_RETURN(const std::optional<GroupRow> group,
                   view.GetGroup(request.group));
  const absl::Status may_write =
      CheckMayWrite(call.caller, request.owner, request.group, OwnerOf(group));
  if (!may_write.ok()) {
    // The caller is not told whose it is; the operator is.
    LOG(INFO) << "session refused group=" << request.group.ToString()
              << " owner=" << OwnerOf(group).value_or("")
              << " principal=" << request.owner;
    return may_write;
  }
  SnapshotRow base;
  if (request.base.has_value()) {
    ASSIGN_OR_RETURN(base, LoadBase(view, *request.base));
  }
  std::optional<int64_t> newest;
  if (group.has_value()) newest = group->newest_time;
  SessionRow row;
  ASSIGN_OR_RETURN(const int64_t time,
                   ChooseSnapshotTime(request.group, newest,
                                      request.backup_time, clock_->Now()));
  row.generation = request.ref.datastore.generation;
  row.epoch = request.ref.epoch;
  row.snapshot = {.group = request.group, .time = time};
  row.explicit_time = request.backup_time.has_value();
  if (request.base.has_value()) row.base_time = request.base->time;
  row.loss_mark = request.loss_mark;
  row.base_archives = TakeableArchives(std::move(base), request.loss_mark);
  row.owner = request.owner;
  row.notes = request.notes;
  row.client_label = request.client_label;
  row.lease = request.lease;
  row.open_time = clock_->Now();
  return row;
}

absl::Status SessionCatalog::Reopen(const NewSession& request,
                                    const SessionName& name,
                                    const SessionRow& row,
                                    uint64_t fence) const {
  std::optional<int64_t> base_time;
  if (request.base.has_value()) base_time = request.base->time;
  const bool same_time =
      row.explicit_time == request.backup_time.has_value() &&
      row.snapshot.time == request.backup_time.value_or(row.snapshot.time);
  if (row.epoch != request.ref.epoch || row.snapshot.group != request.group ||
      !same_time || row.base_time != base_time || row.owner != request.owner ||
      row.notes != request.notes || row.lease != request.lease) {
    return absl::InvalidArgumentError(absl::StrCat(
        name.ToString(), " was opened with other values: epoch ", row.epoch,
        ", snapshot ", row.snapshot.ToString(), ", owner ", row.owner,
        "; use a new id for a new session"));
  }
  if (row.state != SessionState::kOpen) return absl::OkStatus();
  return CheckNotFenced(name, row.epoch, fence);
}

absl::Status SessionCatalog::CheckRoom(const DatastoreState& state) const {
  const size_t open = state.open_sessions.size();
  const size_t uncancelled = state.uncancelled.size();
  if (open + uncancelled < options_.max_open_sessions) return absl::OkStatus();
  return WithRetryDelay(
      WithReason(absl::ResourceExhaustedError(absl::StrCat(
                     "datastore ", state.info.name, " has ", open,
                     " open sessions and ", uncancelled,
                     " ended ones whose manifest is not cancelled yet, ",
                     "together are allowed ", options_.max_open_sessions,
                     "; try again later")),
                 reason::kLimitExceeded),
      kRetryDelay);
}

absl::StatusOr<Session> SessionCatalog::Open(const Call& call,
                                             const NewSession& request) {
  ASSIGN_OR_RETURN(DatastoreState* const state,
                   datastores_->Find(request.ref.datastore));
  const Datastore& info = state->info;
  RETURN_IF_ERROR(CheckRequest(info, request));
  const Uuid& id = request.ref.session;
  const SessionName name{.datastore = info.name, .session = id};

  absl::MutexLock lock(&state->gate);
  const IndexView view = store_->NewView(info.ref.uuid);
  const uint64_t fence = state->numbers.fence;
  ASSIGN_OR_RETURN(const std::optional<SessionRow> known, view.GetSession(id));
  if (known.has_value()) {
    RETURN_IF_ERROR(Reopen(request, name, *known, fence));
    Session session = ToSession(info, id, *known, fence);
    ASSIGN_OR_RETURN(session.archives, view.ListCheckpoints(id));
    return session;
  }
  RETURN_IF_ERROR(CheckNotFenced(name, request.ref.epoch, fence));
  RETURN_IF_ERROR(CheckRoom(*state));
  ASSIGN_OR_RETURN(const SessionRow row, NewRow(call, view, request));
  IndexBatch batch(info.ref.uuid);
  batch.PutSession(id, row);
  IndexState numbers = state->numbers;
  if (row.epoch > numbers.highest_epoch) {
    numbers.highest_epoch = row.epoch;
    batch.PutState(numbers);
  }
  size_t purged = 0;
  RETURN_IF_ERROR(AddPurge(*state, view, batch, purged));
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  state->numbers = numbers;
  metrics_->sessions_opened.Increment();
  metrics_->ShowAttempt(info.name, row.open_time);
  metrics_->open_sessions.Add(TrackSession(*state, id, row));
  metrics_->sessions_purged.Increment(static_cast<double>(purged));
  return ToSession(info, id, row, fence);
}

absl::Status SessionCatalog::AddPurge(DatastoreState& state,
                                      const IndexView& view, IndexBatch& batch,
                                      size_t& purged) {
  const Uuid& uuid = state.info.ref.uuid;
  const absl::Time now = clock_->Now();
  const auto cursor =
      view.Scan(Table::kSessions, SessionKey(uuid, state.purged_up_to),
                PrefixEnd(DatastorePrefix(uuid)));
  for (size_t rows = 0; rows < kPurgedPerOpen && cursor->Valid();
       ++rows, cursor->Next()) {
    const std::optional<Uuid> id = ParseSessionKey(cursor->key());
    if (!id.has_value()) break;
    // It stands on what it last looked at; once a round that row is seen
    // twice.
    state.purged_up_to = *id;
    ASSIGN_OR_RETURN(const SessionRow row,
                     DecodeAt(Table::kSessions, *cursor, DecodeSession));
    if (!MayPurge(row, state.numbers.fence, now)) continue;
    ASSIGN_OR_RETURN(const std::vector<ArchiveCheckpoint> checkpoints,
                     view.ListCheckpoints(*id));
    for (const ArchiveCheckpoint& checkpoint : checkpoints) {
      batch.RemoveCheckpoint(*id, checkpoint.name);
    }
    batch.RemoveSession(*id);
    ++purged;
  }
  if (!cursor->Valid()) state.purged_up_to = Uuid{};
  return cursor->status();
}

absl::StatusOr<Session> SessionCatalog::Get(const SessionName& name) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(name.datastore));
  const IndexView view = store_->NewView(state->info.ref.uuid);
  ASSIGN_OR_RETURN(const SessionRow row, LoadSession(view, name));
  Session session = ToSession(state->info, name.session, row, FenceOf(*state));
  ASSIGN_OR_RETURN(session.archives, view.ListCheckpoints(name.session));
  return session;
}

absl::StatusOr<ListPage<Session>> SessionCatalog::List(
    const std::string& datastore, SessionFilter filter,
    const PageRequest& page) const {
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(datastore));
  const Uuid& uuid = state->info.ref.uuid;
  uint64_t fence = 0;
  {
    absl::ReaderMutexLock lock(&state->gate);
    fence = state->numbers.fence;
    // Asked often, and hardly ever true of any of many rows.
    if (filter == SessionFilter::kUncancelled && state->uncancelled.empty()) {
      return ListPage<Session>{};
    }
  }
  const IndexView view = store_->NewView(uuid);
  const auto visit =
      [&](const KvCursor& cursor) -> absl::StatusOr<Visited<Session>> {
    const std::optional<Uuid> id = ParseSessionKey(cursor.key());
    if (!id.has_value()) {
      return DamagedRow(Table::kSessions, cursor.key(),
                        absl::DataLossError("not the key of a session"));
    }
    ASSIGN_OR_RETURN(const SessionRow row,
                     DecodeAt(Table::kSessions, cursor, DecodeSession));
    if (!Passes(filter, row, fence)) return Visited<Session>{};
    Session session = ToSession(state->info, *id, row, fence);
    session.base_archives.clear();
    ASSIGN_OR_RETURN(session.archives, view.ListCheckpoints(*id));
    const size_t more_bytes = session.archives.size() * kArchiveBytes;
    for (ArchiveCheckpoint& archive : session.archives) {
      archive.builder_state = std::string();
    }
    return Visited<Session>{
        .item = std::move(session), .go_to = {}, .more_bytes = more_bytes};
  };
  const std::string prefix = DatastorePrefix(uuid);
  return WalkPage<Session>(
      view,
      {.table = Table::kSessions, .lower = prefix, .upper = PrefixEnd(prefix)},
      Sha256(absl::StrCat("sessions\n", prefix, FilterName(filter))), page,
      visit);
}

absl::Status SessionCatalog::Abort(const SessionRef& ref) {
  ASSIGN_OR_RETURN(DatastoreState* const state,
                   datastores_->Find(ref.datastore));
  const Datastore& info = state->info;
  const SessionName name{.datastore = info.name, .session = ref.session};
  absl::MutexLock lock(&state->gate);
  const IndexView view = store_->NewView(info.ref.uuid);
  ASSIGN_OR_RETURN(SessionRow row, LoadSession(view, name));
  if (row.state == SessionState::kPublished) {
    return SessionEnded(name, row.state);
  }
  if (row.state == SessionState::kAborted) return absl::OkStatus();
  row.state = SessionState::kAborted;
  row.end_time = clock_->Now();
  row.base_archives.clear();
  IndexBatch batch(info.ref.uuid);
  batch.PutSession(ref.session, row);
  batch.PassGate();
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  metrics_->open_sessions.Add(TrackSession(*state, ref.session, row));
  metrics_->sessions_aborted.Increment();
  return absl::OkStatus();
}

}  // namespace cairn::index
