#include "services/maintenance/engine/fake_index.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {
namespace {

absl::Status NotNeeded() {
  return absl::UnimplementedError("maintenance does not ask index for this");
}

absl::Status Fenced(const SessionRef& session, uint64_t fence) {
  return WithReason(
      absl::AbortedError(absl::StrCat("session epoch is ", session.epoch,
                                      ", the fence is ", fence)),
      reason::kSessionFenced);
}

}  // namespace

void FakeIndex::SetHook(std::function<void(std::string_view)> hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

void FakeIndex::FailWith(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  failure_ = std::move(error);
}

void FakeIndex::AddDatastore(const std::string& name, const DatastoreRef& ref) {
  absl::MutexLock lock(&mutex_);
  datastores_[name] = ref;
  fences_[ref.uuid];
}

void FakeIndex::AddSnapshot(const std::string& name) {
  Snapshot snapshot;
  const absl::StatusOr<SnapshotName> parsed = SnapshotName::Parse(name);
  CHECK_OK(parsed.status());
  snapshot.name = *parsed;
  PutSnapshot(snapshot);
}

void FakeIndex::PutSnapshot(const Snapshot& snapshot) {
  absl::MutexLock lock(&mutex_);
  snapshots_[snapshot.name] = snapshot;
}

std::vector<Snapshot> FakeIndex::snapshots() const {
  absl::MutexLock lock(&mutex_);
  std::vector<Snapshot> snapshots;
  for (const auto& [name, snapshot] : snapshots_) snapshots.push_back(snapshot);
  return snapshots;
}

void FakeIndex::RemoveSnapshot(const std::string& name) {
  const absl::StatusOr<SnapshotName> parsed = SnapshotName::Parse(name);
  CHECK_OK(parsed.status());
  absl::MutexLock lock(&mutex_);
  snapshots_.erase(*parsed);
}

absl::Status FakeIndex::OpenSession(const SessionRef& session) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(FenceState * state, Find(session.datastore));
  if (session.epoch < state->fence) return Fenced(session, state->fence);
  state->highest_epoch = std::max(state->highest_epoch, session.epoch);
  return absl::OkStatus();
}

absl::Status FakeIndex::Publish(const SessionRef& session) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(FenceState * state, Find(session.datastore));
  if (session.epoch < state->fence) return Fenced(session, state->fence);
  return absl::OkStatus();
}

FenceState FakeIndex::fence(const DatastoreRef& ref) const {
  absl::MutexLock lock(&mutex_);
  const auto found = fences_.find(ref.uuid);
  return found == fences_.end() ? FenceState{} : found->second;
}

void FakeIndex::SetFence(const DatastoreRef& ref, const FenceState& state) {
  absl::MutexLock lock(&mutex_);
  fences_[ref.uuid] = state;
}

void FakeIndex::Forget() {
  absl::MutexLock lock(&mutex_);
  datastores_.clear();
  fences_.clear();
  snapshots_.clear();
}

absl::Status FakeIndex::Enter(const Call& call, std::string_view method) {
  std::function<void(std::string_view)> hook;
  {
    absl::MutexLock lock(&mutex_);
    hook = hook_;
  }
  if (hook) hook(method);
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  absl::MutexLock lock(&mutex_);
  return failure_;
}

absl::StatusOr<FenceState*> FakeIndex::Find(const DatastoreRef& ref) {
  for (const auto& [name, known] : datastores_) {
    if (known.uuid != ref.uuid) continue;
    if (known == ref) return &fences_[ref.uuid];
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "datastore ", name, " is of generation ",
                          known.generation, ", asked for ", ref.generation)),
                      reason::kGenerationMismatch);
  }
  return absl::NotFoundError(
      absl::StrCat("datastore ", ref.uuid.ToString(), " does not exist"));
}

absl::StatusOr<ListPage<Datastore>> FakeIndex::ListDatastores(
    const Call& call, const PageRequest& page) {
  RETURN_IF_ERROR(Enter(call, "ListDatastores"));
  absl::MutexLock lock(&mutex_);
  // Pages of one, so that every reader of the list must go on.
  ListPage<Datastore> result;
  auto next = datastores_.upper_bound(page.page_token);
  if (next == datastores_.end()) return result;
  Datastore datastore;
  datastore.name = next->first;
  datastore.ref = next->second;
  result.items.push_back(std::move(datastore));
  if (std::next(next) != datastores_.end()) {
    result.next_page_token = next->first;
  }
  return result;
}

absl::StatusOr<ListPage<Namespace>> FakeIndex::ListNamespaces(
    const Call&, const NamespaceQuery&, const PageRequest&) {
  return NotNeeded();
}

absl::StatusOr<ListPage<Group>> FakeIndex::ListGroups(const Call&,
                                                      const GroupQuery&,
                                                      const PageRequest&) {
  return NotNeeded();
}

absl::StatusOr<ListPage<Snapshot>> FakeIndex::ListSnapshots(
    const Call& call, const SnapshotQuery& query, const PageRequest& page) {
  RETURN_IF_ERROR(Enter(call, "ListSnapshots"));
  absl::MutexLock lock(&mutex_);
  ListPage<Snapshot> result;
  for (const auto& [name, snapshot] : snapshots_) {
    const auto wanted =
        query.trash ? SnapshotState::kTrash : SnapshotState::kListed;
    const NamespacePath& path = name.group.parent.path;
    if (snapshot.state != wanted ||
        name.group.parent.datastore != query.parent.datastore ||
        !path.IsSameOrBelow(query.parent.path) ||
        path.components.size() >
            query.parent.path.components.size() + query.max_depth ||
        (query.group.has_value() && *query.group != name.group) ||
        (!page.page_token.empty() &&
         name <= *SnapshotName::Parse(page.page_token))) {
      continue;
    }
    // Short pages, so that every reader of the list must go on.
    if (result.items.size() == 3) {
      result.next_page_token = result.items.back().name.ToString();
      break;
    }
    result.items.push_back(snapshot);
  }
  return result;
}

absl::StatusOr<Datastore> FakeIndex::GetDatastore(const Call& call,
                                                  const std::string& name) {
  RETURN_IF_ERROR(Enter(call, "GetDatastore"));
  absl::MutexLock lock(&mutex_);
  const auto found = datastores_.find(name);
  if (found == datastores_.end()) {
    return absl::NotFoundError(
        absl::StrCat("datastore ", name, " does not exist"));
  }
  Datastore datastore;
  datastore.name = name;
  datastore.ref = found->second;
  return datastore;
}

absl::StatusOr<Snapshot> FakeIndex::GetSnapshot(const Call& call,
                                                const SnapshotName& name) {
  RETURN_IF_ERROR(Enter(call, "GetSnapshot"));
  absl::MutexLock lock(&mutex_);
  const auto found = snapshots_.find(name);
  if (found == snapshots_.end() ||
      found->second.state == SnapshotState::kGone) {
    return absl::NotFoundError(
        absl::StrCat(name.ToString(), " does not exist"));
  }
  return found->second;
}

absl::StatusOr<CatalogStatistics> FakeIndex::GetStatistics(const Call&,
                                                           const std::string&) {
  return NotNeeded();
}

absl::StatusOr<PreparedChange> FakeIndex::PrepareChange(const Call&,
                                                        const CatalogChange&) {
  return NotNeeded();
}

absl::Status FakeIndex::CommitChange(const Call&, const CatalogChange&,
                                     uint64_t) {
  return NotNeeded();
}

absl::StatusOr<FenceState> FakeIndex::RaiseFence(const Call& call,
                                                 const DatastoreRef& datastore,
                                                 uint64_t cut, uint64_t token) {
  RETURN_IF_ERROR(Enter(call, "RaiseFence"));
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(FenceState * state, Find(datastore));
  if (token < state->highest_token) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "sweep token is ", token, ", seen was ", state->highest_token)),
        reason::kStaleToken);
  }
  state->highest_token = token;
  state->fence = std::max(state->fence, cut);
  return *state;
}

absl::StatusOr<FenceState> FakeIndex::GetFence(const Call& call,
                                               const DatastoreRef& datastore) {
  RETURN_IF_ERROR(Enter(call, "GetFence"));
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(FenceState * state, Find(datastore));
  return *state;
}

}  // namespace cairn::maintenance
