#include "services/maintenance/engine/fake_chunk_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {
namespace {

absl::Status NotNeeded() {
  return absl::UnimplementedError(
      "maintenance does not ask chunk storage for this");
}

}  // namespace

void FakeChunkStore::SetHook(std::function<void(std::string_view)> hook) {
  absl::MutexLock lock(&mutex_);
  hook_ = std::move(hook);
}

void FakeChunkStore::FailWith(absl::Status error) {
  absl::MutexLock lock(&mutex_);
  failure_ = std::move(error);
}

void FakeChunkStore::Restart() {
  absl::MutexLock lock(&mutex_);
  ++incarnation_;
  for (auto& [uuid, state] : states_) {
    state.incarnation = incarnation_;
    state.floor = 0;
  }
}

void FakeChunkStore::Forget() {
  absl::MutexLock lock(&mutex_);
  ++incarnation_;
  states_.clear();
}

StoreState FakeChunkStore::state(const DatastoreRef& datastore) const {
  absl::MutexLock lock(&mutex_);
  const auto found = states_.find(datastore.uuid);
  return found == states_.end() ? StoreState{} : found->second;
}

void FakeChunkStore::SetState(const DatastoreRef& datastore,
                              const StoreState& state) {
  absl::MutexLock lock(&mutex_);
  states_[datastore.uuid] = state;
}

absl::Status FakeChunkStore::Enter(const Call& call, std::string_view method) {
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

absl::StatusOr<StoreState> FakeChunkStore::EnsureDatastore(
    const Call& call, const DatastoreRef& datastore) {
  RETURN_IF_ERROR(Enter(call, "EnsureDatastore"));
  absl::MutexLock lock(&mutex_);
  StoreState& state = states_[datastore.uuid];
  state.incarnation = incarnation_;
  return state;
}

absl::StatusOr<PinReply> FakeChunkStore::Pin(const Call&, const SessionRef&,
                                             std::span<const RecordKey>) {
  return NotNeeded();
}

absl::StatusOr<PutReply> FakeChunkStore::Put(const Call&, const SessionRef&,
                                             std::vector<Record>) {
  return NotNeeded();
}

absl::Status FakeChunkStore::Sync(const Call&, const SessionRef&, uint64_t) {
  return NotNeeded();
}

absl::StatusOr<uint64_t> FakeChunkStore::Append(const Call& call,
                                                const DatastoreRef& datastore,
                                                std::vector<Record> records) {
  RETURN_IF_ERROR(Enter(call, "Append"));
  absl::MutexLock lock(&mutex_);
  StoreState& state = states_[datastore.uuid];
  for (Record& record : records) {
    state.sequence = std::max(state.sequence, record.sequence);
    appended_.push_back(std::move(record));
  }
  return state.sequence;
}

std::vector<Record> FakeChunkStore::appended() const {
  absl::MutexLock lock(&mutex_);
  return appended_;
}

absl::StatusOr<std::unique_ptr<RecordStream>> FakeChunkStore::Get(
    const Call&, const DatastoreRef&, std::vector<RecordKey>) {
  return NotNeeded();
}

absl::StatusOr<StoreState> FakeChunkStore::ShowToken(
    const Call& call, const DatastoreRef& datastore,
    const SweepNumbers& numbers) {
  RETURN_IF_ERROR(Enter(call, "ShowToken"));
  absl::MutexLock lock(&mutex_);
  const auto found = states_.find(datastore.uuid);
  if (found == states_.end()) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "datastore ", datastore.uuid.ToString(), " is not known")),
        reason::kDatastoreUnknown);
  }
  StoreState& state = found->second;
  if (numbers.sequence < state.sequence) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "sequence is ", numbers.sequence, ", seen was ", state.sequence)),
        reason::kIndexBehind);
  }
  if (numbers.token < state.token) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "sweep token is ", numbers.token, ", seen was ", state.token)),
        reason::kStaleToken);
  }
  state.token = numbers.token;
  state.floor = std::max(state.floor, numbers.epoch);
  return state;
}

absl::StatusOr<StoreStatistics> FakeChunkStore::Statistics(
    const Call& call, const DatastoreRef&) {
  RETURN_IF_ERROR(Enter(call, "Statistics"));
  return StoreStatistics{};
}

}  // namespace cairn::maintenance
