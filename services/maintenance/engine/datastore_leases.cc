#include "services/maintenance/engine/datastore_leases.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/model/names.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/maintenance/domain/lease_rules.h"
#include "services/maintenance/engine/page_position.h"

namespace cairn::maintenance {
namespace {

absl::Status NotHeld(const Uuid& id) {
  return WithReason(
      absl::AbortedError(absl::StrCat(
          "lease ", id.ToString(),
          " is not held: it was released, or it expired and another lease "
          "took its place; acquire a new one")),
      reason::kLeaseExpired);
}

absl::Status CheckSame(const Lease& known, const Lease& wanted,
                       const std::optional<uint64_t>& session_epoch) {
  std::string_view difference;
  if (!SameClaims(known, wanted)) {
    difference = "other claims";
  } else if (known.purpose != wanted.purpose) {
    difference = "another purpose";
  } else if (session_epoch.has_value() && *session_epoch != known.start_epoch) {
    difference = "another epoch";
  } else {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("lease ", wanted.id.ToString(),
                                                 " exists with ", difference,
                                                 "; choose a new id"));
}

}  // namespace

DatastoreLeases::DatastoreLeases(std::string name, size_t max_leases,
                                 const Dependencies& dependencies)
    : name_(std::move(name)),
      max_leases_(max_leases),
      dependencies_(dependencies),
      table_(name_) {}

DatastoreLeases::~DatastoreLeases() {
  absl::MutexLock lock(&mutex_);
  for (const auto& [purpose, shown] : shown_) {
    dependencies_.metrics->leases_live.at(purpose)->Add(
        -static_cast<double>(shown));
  }
}

absl::Status DatastoreLeases::Restore(const StoredDatastore& stored) {
  absl::MutexLock lock(&mutex_);
  if (!stored.numbers.has_value() && !stored.leases.empty()) {
    return absl::DataLossError(absl::StrCat("datastore ", name_, " has ",
                                            stored.leases.size(),
                                            " leases but no epoch row"));
  }
  numbers_ = stored.numbers;
  LeaseBatch removals;
  for (const LeaseEntry& entry : stored.leases) {
    if (entry.phase == LeasePhase::kPending) {
      removals.RemoveLease(name_, entry.lease.id);
    } else {
      Put(entry.lease, entry.phase);
    }
  }
  ShowGauges();
  if (removals.empty()) return absl::OkStatus();
  return dependencies_.store->Commit(removals);
}

std::optional<DatastoreRef> DatastoreLeases::opened() const {
  absl::MutexLock lock(&mutex_);
  if (!open_) return std::nullopt;
  return numbers_->datastore;
}

absl::StatusOr<EpochNumbers> DatastoreLeases::Adopt(const SeenNumbers& seen) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const EpochNumbers next, AdoptNumbers(numbers_, seen));
  if (next == numbers_) return next;
  LeaseBatch batch = NewBatch();
  batch.PutNumbers(name_, next);
  RETURN_IF_ERROR(Commit(batch));
  numbers_ = next;
  LOG(INFO) << "epoch numbers adopted datastore=" << name_
            << " epoch=" << next.epoch << " token=" << next.token
            << " generation=" << next.datastore.generation;
  return next;
}

void DatastoreLeases::Open(const DatastoreRef& datastore, uint64_t fence) {
  absl::MutexLock lock(&mutex_);
  CHECK(numbers_.has_value() && numbers_->datastore == datastore)
      << "datastore " << name_ << " opened without its numbers";
  open_ = true;
  fence_ = fence;
}

void DatastoreLeases::Close() {
  absl::MutexLock lock(&mutex_);
  open_ = false;
}

absl::StatusOr<GrantStep> DatastoreLeases::Acquire(
    Lease wanted, const std::optional<uint64_t>& session_epoch) {
  absl::MutexLock lock(&mutex_);
  if (!open_) return GrantStep{.kind = GrantStep::Kind::kOpen};
  Expire();
  if (const LeaseEntry* known = table_.Find(wanted.id); known != nullptr) {
    RETURN_IF_ERROR(CheckSame(known->lease, wanted, session_epoch));
    wanted.start_epoch = known->lease.start_epoch;
    wanted.start_time = known->lease.start_time;
    if (known->phase == LeasePhase::kLive) return Rearm(*known, wanted);
    if (known->phase == LeasePhase::kPending) {
      return GrantStep{GrantStep::Kind::kAskIndex, known->lease};
    }
  } else {
    wanted.start_epoch = session_epoch.value_or(numbers_->epoch);
    // To the nanosecond, as its row keeps it.
    wanted.start_time =
        absl::FromUnixNanos(absl::ToUnixNanos(dependencies_.clock->Now()));
  }
  return Grant(std::move(wanted));
}

absl::StatusOr<GrantStep> DatastoreLeases::Renew(const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  Expire();
  const LeaseEntry* known = table_.Find(id);
  if (known == nullptr) return NotHeld(id);
  switch (known->phase) {
    case LeasePhase::kLive:
      return Rearm(*known, known->lease);
    case LeasePhase::kPending:
      return GrantStep{GrantStep::Kind::kAskIndex, known->lease};
    case LeasePhase::kExpired:
      break;
  }
  if (!open_) return GrantStep{.kind = GrantStep::Kind::kOpen};
  absl::StatusOr<GrantStep> step = Grant(known->lease);
  if (HasReason(step.status(), reason::kLeaseHeld)) {
    return WithReason(absl::AbortedError(absl::StrCat("lease ", id.ToString(),
                                                      " expired, and ",
                                                      step.status().message())),
                      reason::kLeaseExpired);
  }
  return step;
}

// Starts the ttl anew. Nothing durable changes, unless the lease goes on
// under another holder or ttl: a restart re-arms every lease with its ttl.
absl::StatusOr<GrantStep> DatastoreLeases::Rearm(const LeaseEntry& entry,
                                                 const Lease& wanted) {
  const Lease lease = wanted;
  if (entry.lease.holder != lease.holder || entry.lease.ttl != lease.ttl) {
    LeaseBatch batch = NewBatch();
    batch.PutLease(lease, LeasePhase::kLive);
    RETURN_IF_ERROR(Commit(batch));
  }
  Put(lease, LeasePhase::kLive);
  return GrantStep{GrantStep::Kind::kGranted, Answer(*table_.Find(lease.id))};
}

absl::Status DatastoreLeases::CheckEpoch(const Lease& lease) const {
  const EpochNumbers& numbers = *numbers_;
  if (lease.start_epoch > numbers.epoch) {
    return absl::InvalidArgumentError(
        absl::StrCat("session epoch is ", lease.start_epoch, ", datastore ",
                     name_, " has only reached ", numbers.epoch));
  }
  if (lease.start_epoch < numbers.cut) {
    return WithReason(absl::AbortedError(absl::StrCat(
                          "lease ", lease.id.ToString(), " is of epoch ",
                          lease.start_epoch, ", the fence of datastore ", name_,
                          " is ", numbers.cut, "; start a new session")),
                      reason::kSessionFenced);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Uuid>> DatastoreLeases::MakeRoom() const {
  if (table_.size() < max_leases_) return std::optional<Uuid>();
  // An expired lease is only kept so that it may come back. That its epoch
  // expired is remembered in the numbers.
  std::optional<Uuid> oldest = table_.OldestExpired();
  if (oldest.has_value()) return oldest;
  return WithReason(
      absl::ResourceExhaustedError(absl::StrCat(
          "datastore ", name_, " has ", table_.size(), " leases, at most ",
          max_leases_, " are allowed; repeat when some have been released")),
      reason::kLimitExceeded);
}

// `lease` is not live: it is new, or it comes back.
absl::StatusOr<GrantStep> DatastoreLeases::Grant(Lease lease) {
  RETURN_IF_ERROR(CheckEpoch(lease));
  if (absl::Status free = table_.CheckFree(lease); !free.ok()) {
    dependencies_.metrics->leases_refused.Increment();
    return free;
  }
  // An expired writer must not publish beside whoever has the datastore to
  // itself. A lease that comes back was never alone with another one.
  const bool is_new = table_.Find(lease.id) == nullptr;
  if (is_new && TakesDatastore(lease) && numbers_->expired_epoch > 0 &&
      numbers_->expired_epoch >= fence_) {
    return GrantStep{.kind = GrantStep::Kind::kRaiseFence};
  }
  std::vector<Uuid> removed = table_.FindExpiredRivals(lease);
  if (is_new && removed.empty()) {
    ASSIGN_OR_RETURN(const std::optional<Uuid> evicted, MakeRoom());
    if (evicted.has_value()) removed.push_back(*evicted);
  }
  const LeasePhase phase =
      ReadSnapshots(lease).empty() ? LeasePhase::kLive : LeasePhase::kPending;
  LeaseBatch batch = NewBatch();
  for (const Uuid& id : removed) batch.RemoveLease(name_, id);
  batch.PutLease(lease, phase);
  if (is_new && MayWrite(lease.purpose)) batch.HoldAtGate();
  RETURN_IF_ERROR(Commit(batch));
  for (const Uuid& id : removed) table_.Remove(id);
  Put(lease, phase);
  ShowGauges();
  if (phase == LeasePhase::kPending) {
    return GrantStep{GrantStep::Kind::kAskIndex, std::move(lease)};
  }
  dependencies_.metrics->leases_granted.at(lease.purpose)->Increment();
  return GrantStep{GrantStep::Kind::kGranted, Answer(*table_.Find(lease.id))};
}

absl::StatusOr<Lease> DatastoreLeases::Confirm(const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  Expire();
  const LeaseEntry* entry = table_.Find(id);
  if (entry == nullptr || entry->phase == LeasePhase::kExpired) {
    return NotHeld(id);
  }
  if (entry->phase == LeasePhase::kPending) {
    const Lease lease = entry->lease;
    LeaseBatch batch = NewBatch();
    batch.PutLease(lease, LeasePhase::kLive);
    RETURN_IF_ERROR(Commit(batch));
    Put(lease, LeasePhase::kLive);
    dependencies_.metrics->leases_granted.at(lease.purpose)->Increment();
  }
  return Answer(*table_.Find(id));
}

absl::Status DatastoreLeases::Withdraw(const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  const LeaseEntry* entry = table_.Find(id);
  if (entry == nullptr || entry->phase != LeasePhase::kPending) {
    return absl::OkStatus();
  }
  LeaseBatch batch = NewBatch();
  batch.RemoveLease(name_, id);
  RETURN_IF_ERROR(Commit(batch));
  table_.Remove(id);
  ShowGauges();
  return absl::OkStatus();
}

absl::Status DatastoreLeases::Release(const Uuid& id) {
  absl::MutexLock lock(&mutex_);
  Expire();
  if (table_.Find(id) == nullptr) return absl::OkStatus();
  LeaseBatch batch = NewBatch();
  batch.RemoveLease(name_, id);
  RETURN_IF_ERROR(Commit(batch));
  table_.Remove(id);
  ShowGauges();
  return absl::OkStatus();
}

absl::StatusOr<EpochNumbers> DatastoreLeases::Advance() {
  absl::MutexLock lock(&mutex_);
  if (!open_) {
    return absl::UnavailableError(
        absl::StrCat("datastore ", name_,
                     " has just been closed: higher numbers were seen"));
  }
  Expire();
  ASSIGN_OR_RETURN(const uint64_t cut, table_.Cut(numbers_->epoch + 1));
  const EpochNumbers next = AdvanceNumbers(*numbers_, cut);
  // Those that the last advance fenced have had a sweep's time to be told so.
  const std::vector<Uuid> removed = table_.FindExpiredBelow(numbers_->cut);
  LeaseBatch batch = NewBatch();
  for (const Uuid& id : removed) batch.RemoveLease(name_, id);
  batch.PutNumbers(name_, next);
  RETURN_IF_ERROR(Commit(batch));
  for (const Uuid& id : removed) table_.Remove(id);
  numbers_ = next;
  return next;
}

void DatastoreLeases::NoteFence(uint64_t fence) {
  absl::MutexLock lock(&mutex_);
  fence_ = std::max(fence_, fence);
}

absl::Status DatastoreLeases::CheckHolds(const Uuid& id,
                                         const std::string& resource) {
  absl::MutexLock lock(&mutex_);
  Expire();
  const LeaseEntry* const entry = table_.Find(id);
  if (entry == nullptr || entry->phase != LeasePhase::kLive) return NotHeld(id);
  for (const LeaseClaim& claim : entry->lease.claims) {
    if (claim.resource == resource && claim.mode == LeaseMode::kExclusive) {
      return absl::OkStatus();
    }
  }
  return NotHeld(id);
}

std::optional<Lease> DatastoreLeases::OldestWriter() {
  absl::MutexLock lock(&mutex_);
  Expire();
  const LeaseEntry* oldest = nullptr;
  for (const LeaseEntry* const entry :
       table_.List(std::nullopt, table_.size())) {
    if (!entry->holds() || !MayWrite(entry->lease.purpose)) continue;
    if (oldest == nullptr ||
        entry->lease.start_epoch < oldest->lease.start_epoch) {
      oldest = entry;
    }
  }
  if (oldest == nullptr) return std::nullopt;
  return Answer(*oldest);
}

std::vector<std::string> DatastoreLeases::LeasedSnapshots() {
  absl::MutexLock lock(&mutex_);
  Expire();
  std::set<std::string> snapshots;
  for (const LeaseEntry* const entry :
       table_.List(std::nullopt, table_.size())) {
    if (!entry->holds()) continue;
    for (const LeaseClaim& claim : entry->lease.claims) {
      if (SnapshotName::Parse(claim.resource).ok()) {
        snapshots.insert(claim.resource);
      }
    }
  }
  return {snapshots.begin(), snapshots.end()};
}

std::optional<EpochNumbers> DatastoreLeases::numbers() const {
  absl::MutexLock lock(&mutex_);
  return numbers_;
}

EpochState DatastoreLeases::State() {
  absl::MutexLock lock(&mutex_);
  Expire();
  EpochState state;
  state.epoch = numbers_->epoch;
  state.token = numbers_->token;
  state.cut = numbers_->cut;
  state.oldest_lease_start = table_.OldestStart();
  state.live_leases = table_.live_count();
  return state;
}

absl::StatusOr<ListPage<Lease>> DatastoreLeases::List(const PageRequest& page) {
  ASSIGN_OR_RETURN(const std::optional<LeaseTable::Position> after,
                   ParsePageToken(page.page_token));
  const size_t limit = PageSizeOf(page);
  absl::MutexLock lock(&mutex_);
  Expire();
  ListPage<Lease> result;
  for (const LeaseEntry* entry : table_.List(after, limit)) {
    result.items.push_back(Answer(*entry));
  }
  if (!result.items.empty()) {
    const LeaseTable::Position last =
        LeaseTable::PositionOf(result.items.back());
    if (!table_.List(last, 1).empty()) {
      result.next_page_token = FormatPageToken(last);
    }
  }
  return result;
}

absl::Status DatastoreLeases::SaveExpiries() {
  absl::MutexLock lock(&mutex_);
  Expire();
  if (unsaved_.empty()) return absl::OkStatus();
  return Commit(NewBatch());
}

void DatastoreLeases::Expire() {
  const absl::Duration now = dependencies_.clock->Monotonic();
  const std::vector<Uuid> expired = table_.Expire(now);
  for (const Uuid& id : expired) {
    const Lease& lease = table_.Find(id)->lease;
    if (MayWrite(lease.purpose)) {
      numbers_->expired_epoch =
          std::max(numbers_->expired_epoch, lease.start_epoch);
    }
    dependencies_.metrics->leases_expired.Increment();
    LOG(INFO) << "lease expired datastore=" << name_
              << " lease=" << id.ToString()
              << " purpose=" << LeasePurposeName(lease.purpose) << " holder=\""
              << absl::Utf8SafeCEscape(lease.holder) << "\"";
    unsaved_.push_back(id);
  }
  if (!expired.empty()) ShowGauges();
}

LeaseBatch DatastoreLeases::NewBatch() const {
  LeaseBatch batch;
  if (unsaved_.empty()) return batch;
  for (const Uuid& id : unsaved_) {
    const LeaseEntry* entry = table_.Find(id);
    if (entry != nullptr && entry->phase == LeasePhase::kExpired) {
      batch.PutLease(entry->lease, LeasePhase::kExpired);
    }
  }
  batch.PutNumbers(name_, *numbers_);
  return batch;
}

absl::Status DatastoreLeases::Commit(const LeaseBatch& batch) {
  RETURN_IF_ERROR(dependencies_.store->Commit(batch));
  unsaved_.clear();
  return absl::OkStatus();
}

void DatastoreLeases::Put(const Lease& lease, LeasePhase phase) {
  LeaseEntry entry;
  entry.lease = lease;
  entry.phase = phase;
  entry.deadline = dependencies_.clock->Monotonic() + lease.ttl;
  table_.Put(std::move(entry));
}

Lease DatastoreLeases::Answer(const LeaseEntry& entry) const {
  Lease lease = entry.lease;
  lease.age = std::max(absl::ZeroDuration(),
                       dependencies_.clock->Now() - lease.start_time);
  lease.remaining =
      entry.holds()
          ? std::max(absl::ZeroDuration(),
                     entry.deadline - dependencies_.clock->Monotonic())
          : absl::ZeroDuration();
  return lease;
}

void DatastoreLeases::ShowGauges() {
  for (const auto& [purpose, gauge] : dependencies_.metrics->leases_live) {
    const uint64_t count = table_.live_count(purpose);
    uint64_t& shown = shown_[purpose];
    if (count == shown) continue;
    gauge->Add(static_cast<double>(count) - static_cast<double>(shown));
    shown = count;
  }
}

}  // namespace cairn::maintenance
