#include "services/maintenance/client/catalog_changes.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr size_t kMaxKnownDatastores = 1024;

}  // namespace

Call CatalogChanges::Question(const Call& call) const {
  Call question = call;
  question.deadline = std::min(
      call.deadline, dependencies_.clock->Now() + dependencies_.peer_timeout);
  return question;
}

bool CatalogChanges::IsKnown(const DatastoreRef& ref) const {
  absl::MutexLock lock(&mutex_);
  const auto found = known_.find(ref.uuid);
  return found != known_.end() && found->second == ref.generation;
}

absl::Status CatalogChanges::MakeKnown(const Call& call,
                                       const Datastore& datastore) {
  if (IsKnown(datastore.ref)) return absl::OkStatus();
  ASSIGN_OR_RETURN(
      const StoreState state,
      dependencies_.chunks->EnsureDatastore(Question(call), datastore.ref));
  // Sequence 0: no event was ever stored, so the creation is not there
  // either. `default` is born in index at its first start, without an event.
  if (state.sequence == 0) {
    RETURN_IF_ERROR(
        ApplySteps(call, CreateDatastoreChange{.datastore = datastore.name,
                                               .uuid = datastore.ref.uuid,
                                               .comment = datastore.comment}));
  }
  absl::MutexLock lock(&mutex_);
  if (known_.size() >= kMaxKnownDatastores) known_.clear();
  known_[datastore.ref.uuid] = datastore.ref.generation;
  return absl::OkStatus();
}

absl::StatusOr<Datastore> CatalogChanges::Open(const Call& call,
                                               const std::string& name) {
  ASSIGN_OR_RETURN(Datastore datastore,
                   dependencies_.catalog->GetDatastore(Question(call), name));
  RETURN_IF_ERROR(MakeKnown(call, datastore));
  return datastore;
}

absl::Status CatalogChanges::ApplySteps(const Call& call,
                                        const CatalogChange& change) {
  ASSIGN_OR_RETURN(
      PreparedChange prepared,
      dependencies_.catalog->PrepareChange(Question(call), change));
  // A datastore that is being created is not known to the store yet.
  if (std::holds_alternative<CreateDatastoreChange>(change)) {
    RETURN_IF_ERROR(dependencies_.chunks
                        ->EnsureDatastore(Question(call), prepared.datastore)
                        .status());
  }
  std::vector<Record> events;
  events.push_back(std::move(prepared.event));
  RETURN_IF_ERROR(
      dependencies_.chunks
          ->Append(Question(call), prepared.datastore, std::move(events))
          .status());
  return dependencies_.catalog->CommitChange(Question(call), change,
                                             prepared.sequence);
}

absl::Status CatalogChanges::Apply(const Call& call,
                                   const std::string& datastore,
                                   const CatalogChange& change) {
  ASSIGN_OR_RETURN(const Datastore opened, Open(call, datastore));
  const absl::Status applied = ApplySteps(call, change);
  if (!HasReason(applied, reason::kDatastoreUnknown)) return applied;
  // The store was replaced since: tell it again.
  {
    absl::MutexLock lock(&mutex_);
    known_.erase(opened.ref.uuid);
  }
  RETURN_IF_ERROR(MakeKnown(call, opened));
  return ApplySteps(call, change);
}

absl::StatusOr<Datastore> CatalogChanges::Create(
    const Call& call, const CreateDatastoreChange& change) {
  RETURN_IF_ERROR(ApplySteps(call, change));
  return Open(call, change.datastore);
}

}  // namespace cairn
