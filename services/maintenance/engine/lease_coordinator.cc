#include "services/maintenance/engine/lease_coordinator.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/model/names.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/maintenance/domain/lease_rules.h"

namespace cairn::maintenance {
namespace {

// Each repetition means that the datastore changed under the request (it was
// closed, or a writer expired); so many in a row are no accident.
constexpr int kMaxAttempts = 5;

// Whether the others' answer means that our numbers, or our idea of which
// datastore this is, are no longer right.
bool ContradictsUs(const absl::Status& status) {
  return absl::IsFailedPrecondition(status);
}

absl::Status CheckRef(const std::string& datastore, const DatastoreRef& asked,
                      const DatastoreRef& known) {
  if (asked == known) return absl::OkStatus();
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "datastore ", datastore, " is ", known.uuid.ToString(),
          " generation ", known.generation, ", the request is for ",
          asked.uuid.ToString(), " generation ", asked.generation)),
      reason::kGenerationMismatch);
}

}  // namespace

// The right to change a datastore's numbers and tell others, one at a time:
// an older number is never told after a newer one.
class LeaseCoordinator::Turn {
 public:
  Turn(absl::Mutex* mutex, Entry* entry) : mutex_(mutex), entry_(entry) {}
  Turn(Turn&& other) noexcept
      : mutex_(other.mutex_), entry_(std::exchange(other.entry_, nullptr)) {}
  Turn& operator=(Turn&&) = delete;
  ~Turn() {
    if (entry_ == nullptr) return;
    absl::MutexLock lock(mutex_);
    entry_->busy = false;
  }

 private:
  absl::Mutex* const mutex_;
  Entry* entry_;
};

LeaseCoordinator::LeaseCoordinator(const Options& options,
                                   const Dependencies& dependencies)
    : options_(options), dependencies_(dependencies), store_(dependencies.kv) {}

absl::StatusOr<std::unique_ptr<LeaseCoordinator>> LeaseCoordinator::Open(
    const Options& options, const Dependencies& dependencies) {
  std::unique_ptr<LeaseCoordinator> coordinator(
      new LeaseCoordinator(options, dependencies));
  ASSIGN_OR_RETURN(const auto stored, coordinator->store_.Load());
  for (const auto& [name, datastore] : stored) {
    RETURN_IF_ERROR(coordinator->FindOrAdd(name).leases.Restore(datastore));
  }
  return coordinator;
}

DatastoreLeases::Dependencies LeaseCoordinator::LeaseDependencies() {
  return {.clock = dependencies_.clock,
          .store = &store_,
          .metrics = dependencies_.metrics};
}

LeaseCoordinator::Entry* LeaseCoordinator::Find(const std::string& datastore) {
  absl::MutexLock lock(&mutex_);
  const auto found = datastores_.find(datastore);
  return found == datastores_.end() ? nullptr : found->second.get();
}

LeaseCoordinator::Entry& LeaseCoordinator::FindOrAdd(
    const std::string& datastore) {
  absl::MutexLock lock(&mutex_);
  std::unique_ptr<Entry>& entry = datastores_[datastore];
  if (entry == nullptr) {
    entry = std::make_unique<Entry>(
        datastore, options_.max_leases_per_datastore, LeaseDependencies());
  }
  return *entry;
}

absl::StatusOr<LeaseCoordinator::Turn> LeaseCoordinator::TakeTurn(
    const Call& call, Entry& entry) {
  absl::MutexLock lock(&mutex_);
  const auto is_free = +[](bool* busy) { return !*busy; };
  if (!dependencies_.executor->Await(
          &mutex_, absl::Condition(is_free, &entry.busy),
          call.deadline - dependencies_.clock->Now())) {
    return absl::DeadlineExceededError(
        "deadline passed while another request changed the epoch");
  }
  entry.busy = true;
  return Turn(&mutex_, &entry);
}

absl::StatusOr<LeaseCoordinator::Entry*> LeaseCoordinator::Opened(
    const Call& call, const std::string& datastore,
    const std::optional<DatastoreRef>& ref) {
  RETURN_IF_ERROR(ValidateDatastoreId(datastore));
  Entry* entry = Find(datastore);
  if (entry != nullptr) {
    const std::optional<DatastoreRef> opened = entry->leases.opened();
    if (opened.has_value() && (!ref.has_value() || *ref == *opened)) {
      return entry;
    }
  }
  ASSIGN_OR_RETURN(entry, OpenEntry(call, datastore));
  if (!ref.has_value()) return entry;
  const std::optional<DatastoreRef> opened = entry->leases.opened();
  if (opened.has_value()) {
    RETURN_IF_ERROR(CheckRef(datastore, *ref, *opened));
  }
  return entry;
}

absl::StatusOr<LeaseCoordinator::Entry*> LeaseCoordinator::OpenEntry(
    const Call& call, const std::string& datastore) {
  ASSIGN_OR_RETURN(const Datastore known,
                   dependencies_.catalog->GetDatastore(call, datastore));
  Entry& entry = FindOrAdd(datastore);
  ASSIGN_OR_RETURN(const Turn turn, TakeTurn(call, entry));
  if (entry.leases.opened() == known.ref) return &entry;
  RETURN_IF_ERROR(OpenWithTurn(call, known.ref, entry.leases));
  return &entry;
}

absl::Status LeaseCoordinator::OpenWithTurn(const Call& call,
                                            const DatastoreRef& ref,
                                            DatastoreLeases& leases) {
  leases.Close();
  ASSIGN_OR_RETURN(const PeerNumbers peers, AskPeers(call, ref));
  const FenceState& fence = peers.fence;
  const StoreState& state = peers.store;
  const std::optional<EpochNumbers> before = leases.numbers();
  ASSIGN_OR_RETURN(
      const EpochNumbers numbers,
      leases.Adopt({.datastore = ref,
                    .epoch = std::max({fence.highest_epoch, state.floor,
                                       state.highest_epoch}),
                    .token = std::max(fence.highest_token, state.token),
                    .fence = fence.fence}));
  // A store that was told an epoch since its start keeps that floor: a sweep
  // of ours has taken higher numbers since, and told it none of its own.
  if (state.floor == 0 || numbers != before) {
    RETURN_IF_ERROR(ShowNumbers(call, numbers, fence.sequence));
    dependencies_.metrics->touch_floor_pushes.Increment();
  }
  leases.Open(ref, fence.fence);
  return absl::OkStatus();
}

absl::StatusOr<LeaseCoordinator::PeerNumbers> LeaseCoordinator::AskPeers(
    const Call& call, const DatastoreRef& ref) {
  PeerNumbers peers;
  // The store first: what is durable there when it answers, index has numbered
  // before.
  ASSIGN_OR_RETURN(peers.store,
                   dependencies_.chunks->EnsureDatastore(call, ref));
  ASSIGN_OR_RETURN(peers.fence, dependencies_.fence->GetFence(call, ref));
  if (peers.fence.sequence >= peers.store.sequence) return peers;
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          "index has handed out numbers up to ", peers.fence.sequence,
          " in datastore ", ref.uuid.ToString(), ", and chunk storage holds ",
          "change ", peers.store.sequence, ": index is an old copy; put the ",
          "newest one back, or rebuild it from the packs")),
      reason::kIndexBehind);
}

absl::Status LeaseCoordinator::ShowNumbers(const Call& call,
                                           const EpochNumbers& numbers,
                                           uint64_t index_sequence) {
  for (int i = 0; i < kMaxAttempts; ++i) {
    const absl::Status shown = dependencies_.chunks
                                   ->ShowToken(call, numbers.datastore,
                                               {.token = numbers.token,
                                                .epoch = numbers.epoch,
                                                .sequence = index_sequence})
                                   .status();
    if (!HasReason(shown, reason::kIndexBehind)) return shown;
    // A publish may have come between: then index has gone on too.
    ASSIGN_OR_RETURN(const FenceState fence,
                     dependencies_.fence->GetFence(call, numbers.datastore));
    if (fence.sequence <= index_sequence) return shown;
    index_sequence = fence.sequence;
  }
  return absl::UnavailableError(absl::StrCat(
      "datastore ", numbers.datastore.uuid.ToString(), " has changed ",
      kMaxAttempts, " times while its numbers were shown; repeat it"));
}

absl::StatusOr<Lease> LeaseCoordinator::Acquire(const Call& call,
                                                const LeaseRequest& request) {
  Lease wanted;
  wanted.id = request.id;
  wanted.datastore = request.datastore;
  wanted.claims = request.claims;
  wanted.holder = request.holder;
  wanted.purpose = request.purpose;
  wanted.ttl =
      request.ttl == absl::ZeroDuration() ? options_.default_ttl : request.ttl;
  RETURN_IF_ERROR(ValidateLease(wanted));
  if (request.session_epoch == uint64_t{0}) {
    return absl::InvalidArgumentError("session epoch is 0; epochs start at 1");
  }
  ASSIGN_OR_RETURN(Entry * entry, Opened(call, request.datastore, request.ref));
  return Complete(call, request.datastore, *entry, [&] {
    return entry->leases.Acquire(wanted, request.session_epoch);
  });
}

absl::StatusOr<Lease> LeaseCoordinator::Renew(const Call& call,
                                              const std::string& datastore,
                                              const Uuid& id) {
  RETURN_IF_ERROR(ValidateDatastoreId(datastore));
  Entry* entry = Find(datastore);
  if (entry == nullptr) {
    return WithReason(absl::AbortedError(absl::StrCat(
                          "lease ", id.ToString(), " is not held: datastore ",
                          datastore, " has no leases")),
                      reason::kLeaseExpired);
  }
  absl::StatusOr<Lease> lease = Complete(
      call, datastore, *entry, [&] { return entry->leases.Renew(id); });
  if (absl::IsNotFound(lease.status())) {
    return WithReason(absl::AbortedError(absl::StrCat(
                          "lease ", id.ToString(), " expired, and ",
                          lease.status().message())),
                      reason::kLeaseExpired);
  }
  return lease;
}

absl::StatusOr<Lease> LeaseCoordinator::Complete(
    const Call& call, const std::string& datastore, Entry& entry,
    absl::FunctionRef<absl::StatusOr<GrantStep>()> attempt) {
  for (int i = 0; i < kMaxAttempts; ++i) {
    ASSIGN_OR_RETURN(GrantStep step, attempt());
    switch (step.kind) {
      case GrantStep::Kind::kGranted:
        return std::move(step.lease);
      case GrantStep::Kind::kAskIndex:
        return ConfirmReader(call, step.lease, entry.leases);
      case GrantStep::Kind::kRaiseFence: {
        ASSIGN_OR_RETURN(const Turn turn, TakeTurn(call, entry));
        RETURN_IF_ERROR(AdvanceWithTurn(call, entry.leases));
        break;
      }
      case GrantStep::Kind::kOpen:
        RETURN_IF_ERROR(OpenEntry(call, datastore).status());
        break;
    }
  }
  return absl::UnavailableError(
      absl::StrCat("datastore ", datastore, " changed ", kMaxAttempts,
                   " times under this request; repeat it"));
}

// The lease is recorded: a sweep that takes its view from now on sees it. If
// index still knows the snapshots now, no sweep has made them gone before.
absl::StatusOr<Lease> LeaseCoordinator::ConfirmReader(const Call& call,
                                                      const Lease& lease,
                                                      DatastoreLeases& leases) {
  for (const SnapshotName& snapshot : ReadSnapshots(lease)) {
    const absl::Status known =
        dependencies_.catalog->GetSnapshot(call, snapshot).status();
    if (known.ok()) continue;
    // Should this fail too, the row excludes others until its ttl is over.
    if (const absl::Status gone = leases.Withdraw(lease.id); !gone.ok()) {
      LOG(WARNING) << "lease not withdrawn lease=" << lease.id.ToString()
                   << " error=" << gone;
    }
    return known;
  }
  return leases.Confirm(lease.id);
}

absl::Status LeaseCoordinator::Release(const Call&,
                                       const std::string& datastore,
                                       const Uuid& id) {
  RETURN_IF_ERROR(ValidateDatastoreId(datastore));
  Entry* entry = Find(datastore);
  return entry == nullptr ? absl::OkStatus() : entry->leases.Release(id);
}

absl::StatusOr<ListPage<Lease>> LeaseCoordinator::List(
    const Call& call, const std::string& datastore, const PageRequest& page) {
  ASSIGN_OR_RETURN(Entry * entry, Opened(call, datastore, std::nullopt));
  return entry->leases.List(page);
}

absl::StatusOr<EpochState> LeaseCoordinator::GetEpoch(
    const Call& call, const std::string& datastore) {
  ASSIGN_OR_RETURN(Entry * entry, Opened(call, datastore, std::nullopt));
  return entry->leases.State();
}

absl::StatusOr<EpochState> LeaseCoordinator::AdvanceEpoch(
    const Call& call, const std::string& datastore) {
  ASSIGN_OR_RETURN(Entry * entry, Opened(call, datastore, std::nullopt));
  ASSIGN_OR_RETURN(const Turn turn, TakeTurn(call, *entry));
  RETURN_IF_ERROR(AdvanceWithTurn(call, entry->leases));
  return entry->leases.State();
}

absl::StatusOr<EpochNumbers> LeaseCoordinator::TakeNumbers(
    const Call& call, DatastoreLeases& leases) {
  // Before any number moves.
  if (const std::optional<DatastoreRef> opened = leases.opened()) {
    const absl::StatusOr<PeerNumbers> peers = AskPeers(call, *opened);
    if (!peers.ok()) {
      if (ContradictsUs(peers.status())) leases.Close();
      return peers.status();
    }
    // The floor of a store that has restarted is the epoch of before: what is
    // touched below the next one may go.
    if (peers->store.floor == 0) {
      RETURN_IF_ERROR(
          ShowNumbers(call, *leases.numbers(), peers->fence.sequence));
      dependencies_.metrics->touch_floor_pushes.Increment();
    }
  }
  return leases.Advance();
}

// A crash or an error between the steps leaves numbers that were taken and
// not told to everyone. They are never used again: a repetition takes higher
// ones, and until then the cut, which only our own grants look at, is merely
// ahead of the fence.
absl::Status LeaseCoordinator::AdvanceWithTurn(const Call& call,
                                               DatastoreLeases& leases) {
  ASSIGN_OR_RETURN(const EpochNumbers numbers, TakeNumbers(call, leases));
  const absl::StatusOr<FenceState> fence = dependencies_.fence->RaiseFence(
      call, numbers.datastore, numbers.cut, numbers.token);
  if (!fence.ok()) {
    if (ContradictsUs(fence.status())) leases.Close();
    return fence.status();
  }
  leases.NoteFence(fence->fence);
  const absl::Status shown = ShowNumbers(call, numbers, fence->sequence);
  if (!shown.ok()) {
    if (ContradictsUs(shown)) leases.Close();
    return shown;
  }
  dependencies_.metrics->fence_advances.Increment();
  LOG(INFO) << "epoch advanced datastore=" << numbers.datastore.uuid.ToString()
            << " epoch=" << numbers.epoch << " token=" << numbers.token
            << " cut=" << numbers.cut;
  return absl::OkStatus();
}

absl::Status LeaseCoordinator::PushTouchFloor(const Call& call,
                                              const std::string& datastore) {
  ASSIGN_OR_RETURN(Entry * entry, Opened(call, datastore, std::nullopt));
  ASSIGN_OR_RETURN(const Turn turn, TakeTurn(call, *entry));
  DatastoreLeases& leases = entry->leases;
  const EpochNumbers numbers = *leases.numbers();
  const absl::StatusOr<PeerNumbers> peers = AskPeers(call, numbers.datastore);
  if (!peers.ok()) {
    if (ContradictsUs(peers.status())) leases.Close();
    return peers.status();
  }
  const StoreState* const state = &peers->store;
  if (state->token > numbers.token || state->floor > numbers.epoch) {
    leases.Close();
    return absl::UnavailableError(
        absl::StrCat("chunk storage has seen sweep token ", state->token,
                     " and epoch ", state->floor, " of datastore ", datastore,
                     ", known are ", numbers.token, " and ", numbers.epoch,
                     "; the numbers are adopted at its next use"));
  }
  if (state->floor != 0) return absl::OkStatus();
  const absl::Status shown = ShowNumbers(call, numbers, peers->fence.sequence);
  if (!shown.ok()) {
    if (ContradictsUs(shown)) leases.Close();
    return shown;
  }
  dependencies_.metrics->touch_floor_pushes.Increment();
  LOG(INFO) << "touch floor pushed datastore=" << datastore
            << " incarnation=" << state->incarnation
            << " epoch=" << numbers.epoch;
  return absl::OkStatus();
}

absl::StatusOr<SweepStart> LeaseCoordinator::BeginSweep(
    const Call& call, const std::string& datastore, const Uuid& lease) {
  ASSIGN_OR_RETURN(Entry * entry, Opened(call, datastore, std::nullopt));
  ASSIGN_OR_RETURN(const Turn turn, TakeTurn(call, *entry));
  DatastoreLeases& leases = entry->leases;
  RETURN_IF_ERROR(leases.CheckHolds(lease, SweepResource(datastore)));
  SweepStart start;
  ASSIGN_OR_RETURN(start.numbers, TakeNumbers(call, leases));
  start.oldest_writer = leases.OldestWriter();
  return start;
}

void LeaseCoordinator::NoteFence(const std::string& datastore, uint64_t fence) {
  Entry* const entry = Find(datastore);
  if (entry != nullptr) entry->leases.NoteFence(fence);
}

absl::StatusOr<std::vector<std::string>> LeaseCoordinator::ListLeasedSnapshots(
    const Call& call, const std::string& datastore) {
  ASSIGN_OR_RETURN(Entry * entry, Opened(call, datastore, std::nullopt));
  return entry->leases.LeasedSnapshots();
}

absl::Status LeaseCoordinator::SaveExpiries() {
  std::vector<DatastoreLeases*> all;
  {
    absl::MutexLock lock(&mutex_);
    for (const auto& [name, entry] : datastores_) {
      all.push_back(&entry->leases);
    }
  }
  absl::Status result;
  absl::Time oldest = absl::InfiniteFuture();
  for (DatastoreLeases* leases : all) {
    result.Update(leases->SaveExpiries());
    if (!leases->numbers().has_value()) continue;
    oldest = std::min(oldest, leases->State().oldest_lease_start.value_or(
                                  absl::InfiniteFuture()));
  }
  dependencies_.metrics->oldest_lease_age_seconds.Set(
      oldest == absl::InfiniteFuture()
          ? 0
          : std::max(0.0, absl::ToDoubleSeconds(dependencies_.clock->Now() -
                                                oldest)));
  return result;
}

}  // namespace cairn::maintenance
