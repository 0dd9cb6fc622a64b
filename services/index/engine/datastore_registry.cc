#include "services/index/engine/datastore_registry.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/snapshot_counts.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

constexpr char kDefaultName[] = "default";

}  // namespace

absl::StatusOr<std::unique_ptr<DatastoreRegistry>> DatastoreRegistry::Open(
    const Options& options, IndexStore* store, const Clock& clock,
    absl::BitGenRef random) {
  std::unique_ptr<DatastoreRegistry> registry(
      new DatastoreRegistry(options, store));
  ASSIGN_OR_RETURN(const std::vector<Datastore> datastores,
                   store->ListDatastores(options.max_datastores));
  for (const Datastore& datastore : datastores) {
    RETURN_IF_ERROR(registry->Load(datastore));
  }
  if (datastores.empty()) {
    RETURN_IF_ERROR(
        registry->Add({.name = kDefaultName,
                       .ref = {.uuid = Uuid::Random(random), .generation = 1},
                       .comment = "",
                       .create_time = clock.Now()}));
  }
  return registry;
}

absl::Status DatastoreRegistry::Load(const Datastore& datastore) {
  ASSIGN_OR_RETURN(const IndexState numbers,
                   store_->GetState(datastore.ref.uuid));
  auto state = std::make_unique<DatastoreState>(datastore, numbers,
                                                options_.max_page_touches);
  absl::MutexLock lock(&mutex_);
  if (!by_uuid_.emplace(datastore.ref.uuid, state.get()).second) {
    return absl::DataLossError(absl::StrCat(
        "datastores ", datastore.name, " and ",
        by_uuid_.at(datastore.ref.uuid)->info.name, " have the same UUID"));
  }
  if (!numbers.counted) RETURN_IF_ERROR(CountSnapshots(*state));
  RETURN_IF_ERROR(LoadSessions(*state));
  by_name_.emplace(datastore.name, std::move(state));
  return absl::OkStatus();
}

absl::Status DatastoreRegistry::LoadSessions(DatastoreState& state) {
  const Uuid& uuid = state.info.ref.uuid;
  const std::string prefix = DatastorePrefix(uuid);
  const IndexView view = store_->NewView(uuid);
  absl::MutexLock lock(&state.gate);
  const auto cursor = view.Scan(Table::kSessions, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(const SessionRow row,
                     DecodeAt(Table::kSessions, *cursor, DecodeSession));
    const std::optional<Uuid> id = ParseSessionKey(cursor->key());
    if (!id.has_value()) {
      return DamagedRow(Table::kSessions, cursor->key(),
                        absl::DataLossError("not the key of a session"));
    }
    TrackSession(state, *id, row);
  }
  return cursor->status();
}

absl::Status DatastoreRegistry::CountSnapshots(DatastoreState& state) {
  const std::string prefix = DatastorePrefix(state.info.ref.uuid);
  const IndexView view = store_->NewView(state.info.ref.uuid);
  absl::MutexLock lock(&state.gate);
  IndexState numbers = state.numbers;
  numbers.snapshot_count = 0;
  numbers.logical_bytes = 0;
  numbers.trash_count = 0;
  numbers.trash_bytes = 0;
  numbers.gone_count = 0;
  const auto cursor = view.Scan(Table::kSnapshots, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    ASSIGN_OR_RETURN(const SnapshotRow row,
                     DecodeAt(Table::kSnapshots, *cursor, DecodeSnapshot));
    AddToCounts(row, numbers);
  }
  RETURN_IF_ERROR(cursor->status());
  numbers.counted = true;
  return CommitNumbers(*store_, state, numbers);
}

absl::StatusOr<DatastoreState*> DatastoreRegistry::FindByName(
    const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = by_name_.find(name);
  if (found != by_name_.end()) return found->second.get();
  RETURN_IF_ERROR(ValidateDatastoreId(name));
  return absl::NotFoundError(
      absl::StrCat("datastore ", name, " does not exist"));
}

absl::StatusOr<DatastoreState*> DatastoreRegistry::Find(
    const DatastoreRef& ref) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = by_uuid_.find(ref.uuid);
  if (found == by_uuid_.end()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "index knows no datastore with UUID ", ref.uuid.ToString())),
        reason::kDatastoreUnknown);
  }
  const Datastore& info = found->second->info;
  if (info.ref.generation != ref.generation) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "datastore ", info.name, " has generation ", info.ref.generation,
            ", the call says ", ref.generation)),
        reason::kGenerationMismatch);
  }
  return found->second;
}

DatastoreState* DatastoreRegistry::FirstFrom(const std::string& name) const {
  absl::ReaderMutexLock lock(&mutex_);
  const auto found = by_name_.lower_bound(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

size_t DatastoreRegistry::CountOpenSessions() const {
  absl::ReaderMutexLock lock(&mutex_);
  size_t count = 0;
  for (const auto& [name, state] : by_name_) {
    absl::ReaderMutexLock state_lock(&state->gate);
    count += state->open_sessions.size();
  }
  return count;
}

absl::Status DatastoreRegistry::CheckAddable(const Datastore& datastore) const {
  absl::ReaderMutexLock lock(&mutex_);
  return CheckAddableLocked(datastore);
}

absl::Status DatastoreRegistry::CheckAddableLocked(
    const Datastore& datastore) const {
  const auto same_name = by_name_.find(datastore.name);
  if (same_name != by_name_.end()) {
    const Uuid& uuid = same_name->second->info.ref.uuid;
    if (uuid == datastore.ref.uuid) return absl::OkStatus();
    return absl::AlreadyExistsError(absl::StrCat(
        "datastore ", datastore.name, " exists with UUID ", uuid.ToString()));
  }
  const auto same_uuid = by_uuid_.find(datastore.ref.uuid);
  if (same_uuid != by_uuid_.end()) {
    return absl::AlreadyExistsError(
        absl::StrCat("UUID ", datastore.ref.uuid.ToString(),
                     " is that of datastore ", same_uuid->second->info.name));
  }
  if (by_name_.size() >= options_.max_datastores) {
    return WithReason(absl::ResourceExhaustedError(absl::StrCat(
                          "there are ", by_name_.size(),
                          " datastores, which is the most allowed")),
                      reason::kLimitExceeded);
  }
  return absl::OkStatus();
}

absl::Status DatastoreRegistry::Add(const Datastore& datastore) {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(CheckAddableLocked(datastore));
  if (by_name_.contains(datastore.name)) return absl::OkStatus();
  // The first number is that of its creation.
  IndexState numbers;
  numbers.sequence_limit = 2;
  numbers.counted = true;
  IndexBatch batch(datastore.ref.uuid);
  batch.PutDatastore(datastore);
  batch.PutState(numbers);
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  auto state = std::make_unique<DatastoreState>(datastore, numbers,
                                                options_.max_page_touches);
  by_uuid_.emplace(datastore.ref.uuid, state.get());
  by_name_.emplace(datastore.name, std::move(state));
  return absl::OkStatus();
}

}  // namespace cairn::index
