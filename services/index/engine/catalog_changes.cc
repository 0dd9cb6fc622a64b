#include "services/index/engine/catalog_changes.h"

#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "common/wire/catalog_records.h"
#include "services/index/domain/raw_record.h"
#include "services/index/domain/sweep_rules.h"
#include "services/index/domain/text_rules.h"
#include "services/index/engine/change_rules.h"
#include "services/index/engine/datastore_state.h"
#include "services/index/engine/trash_rules.h"

namespace cairn::index {
namespace {

// The number of the event that creates a datastore, before all others.
constexpr uint64_t kCreationSequence = 1;

const std::string& DatastoreOf(const CreateDatastoreChange& change) {
  return change.datastore;
}
const std::string& DatastoreOf(const CreateNamespaceChange& change) {
  return change.name.datastore;
}
const std::string& DatastoreOf(const DeleteNamespaceChange& change) {
  return change.name.datastore;
}
const std::string& DatastoreOf(const UpdateGroupChange& change) {
  return change.name.parent.datastore;
}
const std::string& DatastoreOf(const UpdateSnapshotChange& change) {
  return change.name.group.parent.datastore;
}
const std::string& DatastoreOf(const RefusedPublishChange& change) {
  return change.name.group.parent.datastore;
}

const std::string& DatastoreOf(const ForgetSnapshotsChange& change) {
  return change.datastore;
}
const std::string& DatastoreOf(const UndeleteSnapshotsChange& change) {
  return change.datastore;
}
const std::string& DatastoreOf(const SnapshotsGoneChange& change) {
  return change.datastore;
}

const std::string& DatastoreOf(const CatalogChange& change) {
  return std::visit(
      [](const auto& one) -> const std::string& { return DatastoreOf(one); },
      change);
}

absl::Status CheckAny(const ChangeContext& context, const CatalogChange& change)
    ABSL_SHARED_LOCKS_REQUIRED(context.state.gate) {
  return std::visit(
      [&context](const auto& one) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>,
                                     CreateDatastoreChange>) {
          return absl::InternalError("a datastore is created elsewhere");
        } else {
          return Check(context, one);
        }
      },
      change);
}

absl::Status ApplyAny(const ChangeContext& context, const CatalogChange& change,
                      uint64_t sequence, IndexBatch& batch)
    ABSL_SHARED_LOCKS_REQUIRED(context.state.gate) {
  return std::visit(
      [&](const auto& one) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        if constexpr (std::is_same_v<std::decay_t<decltype(one)>,
                                     CreateDatastoreChange>) {
          return absl::InternalError("a datastore is created elsewhere");
        } else {
          return Apply(context, one, sequence, batch);
        }
      },
      change);
}

// Ends what was begun, or makes room in the end: taken when the disk is nearly
// full.
bool MakesRoom(const CatalogChange& change) {
  return std::holds_alternative<RefusedPublishChange>(change) ||
         std::holds_alternative<ForgetSnapshotsChange>(change);
}

// What a committed change means for what is held in memory; number 0 is a
// refused publish that ended its session and whose event is not stored yet.
void Remember(const CatalogChange& change, uint64_t sequence,
              DatastoreState& state, IndexMetrics& metrics)
    ABSL_EXCLUSIVE_LOCKS_REQUIRED(state.gate) {
  if (const auto* refused = std::get_if<RefusedPublishChange>(&change)) {
    if (state.open_sessions.erase(refused->session) > 0) {
      metrics.open_sessions.Add(-1);
    }
    if (sequence == 0) {
      state.uncancelled.insert(refused->session);
      metrics.sessions_aborted.Increment();
    } else {
      state.uncancelled.erase(refused->session);
    }
  }
}

}  // namespace

absl::StatusOr<PreparedChange> CatalogChanges::Prepare(
    const Call& call, const CatalogChange& asked) {
  CatalogChange change = asked;
  if (const auto* created = std::get_if<CreateDatastoreChange>(&change)) {
    return PrepareDatastore(call, *created);
  }
  ASSIGN_OR_RETURN(DatastoreState* const state,
                   datastores_->FindByName(DatastoreOf(change)));
  absl::MutexLock lock(&state->gate);
  const absl::Time now = TimeOfChange(state->numbers.clock, clock_->Now());
  const IndexView view = store_->NewView(state->info.ref.uuid);
  IndexState numbers = state->numbers;
  const ChangeContext context{.call = call,
                              .state = *state,
                              .view = view,
                              .now = now,
                              .numbers = numbers};
  if (auto* const refused = std::get_if<RefusedPublishChange>(&change)) {
    RETURN_IF_ERROR(NameManifest(context, *refused));
  }
  RETURN_IF_ERROR(CheckAny(context, change));
  if (auto* const forgotten = std::get_if<ForgetSnapshotsChange>(&change)) {
    RETURN_IF_ERROR(KeepKnown(context, *forgotten));
  }
  if (std::holds_alternative<RefusedPublishChange>(change)) {
    IndexBatch batch(state->info.ref.uuid);
    RETURN_IF_ERROR(ApplyAny(context, change, 0, batch));
    if (!batch.changes().empty()) {
      RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
      Remember(change, 0, *state, *metrics_);
    }
  }
  PreparedChange prepared;
  IndexBatch batch(state->info.ref.uuid);
  if (MakesRoom(change)) batch.PassGate();
  prepared.sequence = TakeSequence(*state, batch, numbers);
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  state->numbers = numbers;
  prepared.datastore = state->info.ref;
  prepared.event =
      MakeRawRecord(RecordKind::kEvent, prepared.sequence,
                    EncodeEvent({.datastore = state->info.ref,
                                 .sequence = prepared.sequence,
                                 .time = now,
                                 .principal = call.caller.principal},
                                change));
  return prepared;
}

absl::Status CatalogChanges::Commit(const Call& call,
                                    const CatalogChange& asked,
                                    uint64_t sequence) {
  CatalogChange change = asked;
  if (const auto* created = std::get_if<CreateDatastoreChange>(&change)) {
    if (sequence != kCreationSequence) {
      return absl::InvalidArgumentError(
          absl::StrCat("sequence is ", sequence,
                       ", that of a new datastore is ", kCreationSequence));
    }
    return CommitDatastore(*created);
  }
  ASSIGN_OR_RETURN(DatastoreState* const state,
                   datastores_->FindByName(DatastoreOf(change)));
  absl::MutexLock lock(&state->gate);
  if (sequence == 0 || sequence >= state->numbers.sequence_limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("sequence is ", sequence, ", which was never handed out"));
  }
  const IndexView view = store_->NewView(state->info.ref.uuid);
  IndexState numbers = state->numbers;
  const ChangeContext context{.call = call,
                              .state = *state,
                              .view = view,
                              .now = TimeOfChange(numbers.clock, clock_->Now()),
                              .numbers = numbers};
  if (auto* const refused = std::get_if<RefusedPublishChange>(&change)) {
    RETURN_IF_ERROR(NameManifest(context, *refused));
  }
  IndexBatch batch(state->info.ref.uuid);
  RETURN_IF_ERROR(ApplyAny(context, change, sequence, batch));
  if (batch.changes().empty()) return absl::OkStatus();
  if (numbers != state->numbers) batch.PutState(numbers);
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  state->numbers = numbers;
  Remember(change, sequence, *state, *metrics_);
  metrics_->catalog_changes.Increment();
  return absl::OkStatus();
}

absl::StatusOr<PreparedChange> CatalogChanges::PrepareDatastore(
    const Call& call, const CreateDatastoreChange& change) {
  RETURN_IF_ERROR(ValidateDatastoreId(change.datastore));
  if (change.uuid.is_zero()) {
    return absl::InvalidArgumentError("uuid of the new datastore is all zero");
  }
  RETURN_IF_ERROR(CheckText("comment", change.comment, kMaxCommentBytes));
  Datastore datastore{.name = change.datastore,
                      .ref = {.uuid = change.uuid, .generation = 1},
                      .comment = change.comment,
                      .create_time = clock_->Now()};
  RETURN_IF_ERROR(datastores_->CheckAddable(datastore));
  // One that is there already is prepared as it was created.
  const auto known = datastores_->FindByName(change.datastore);
  if (known.ok()) datastore = (*known)->info;
  PreparedChange prepared;
  prepared.sequence = kCreationSequence;
  prepared.datastore = datastore.ref;
  prepared.event = MakeRawRecord(
      RecordKind::kEvent, prepared.sequence,
      EncodeEvent({.datastore = datastore.ref,
                   .sequence = prepared.sequence,
                   .time = datastore.create_time,
                   .principal = call.caller.principal},
                  CreateDatastoreChange{.datastore = datastore.name,
                                        .uuid = datastore.ref.uuid,
                                        .comment = datastore.comment}));
  return prepared;
}

absl::Status CatalogChanges::CommitDatastore(
    const CreateDatastoreChange& change) {
  RETURN_IF_ERROR(ValidateDatastoreId(change.datastore));
  RETURN_IF_ERROR(CheckText("comment", change.comment, kMaxCommentBytes));
  if (change.uuid.is_zero()) {
    return absl::InvalidArgumentError("uuid of the new datastore is all zero");
  }
  RETURN_IF_ERROR(
      datastores_->Add({.name = change.datastore,
                        .ref = {.uuid = change.uuid, .generation = 1},
                        .comment = change.comment,
                        .create_time = clock_->Now()}));
  metrics_->catalog_changes.Increment();
  return absl::OkStatus();
}

}  // namespace cairn::index
