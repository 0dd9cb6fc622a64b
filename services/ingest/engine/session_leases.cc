#include "services/ingest/engine/session_leases.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "services/ingest/engine/peers.h"

namespace cairn::ingest {
namespace {

constexpr size_t kMaxHolderBytes = 256;
// Tries to give a lease back in the time that it lasts.
constexpr int kReleaseTries = 20;

SessionName NameOf(const Session& session) {
  return {session.snapshot.group.parent.datastore, session.ref.session};
}

LeaseRequest RequestFor(const Session& session, const std::string& holder,
                        absl::Duration ttl) {
  LeaseRequest request{
      .id = session.ref.session,
      .datastore = session.snapshot.group.parent.datastore,
      .ref = session.ref.datastore,
      .claims = {{session.snapshot.group.ToString(), LeaseMode::kExclusive}},
      .holder = absl::StrCat(holder, " for ", session.owner)
                    .substr(0, kMaxHolderBytes),
      .purpose = LeasePurpose::kBackup,
      .ttl = ttl};
  if (session.base.has_value()) {
    request.claims.push_back({session.base->ToString(), LeaseMode::kShared});
  }
  if (session.ref.epoch != 0) request.session_epoch = session.ref.epoch;
  return request;
}

bool IsLost(const absl::Status& renewed) {
  return !HasReason(renewed, reason::kSessionFenced) &&
         (HasReason(renewed, reason::kLeaseExpired) ||
          absl::IsNotFound(renewed));
}

}  // namespace

SessionLeases::SessionLeases(const Options& options,
                             const Dependencies& dependencies)
    : options_(options), dependencies_(dependencies) {}

SessionLeases::~SessionLeases() {
  Executor::TimerId timer = 0;
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
    timer = timer_;
  }
  // Waits for a retry that runs; it sets no other timer.
  if (timer != 0) dependencies_.executor->Cancel(timer);
}

absl::StatusOr<Lease> SessionLeases::Acquire(const Call& call,
                                             const Session& session) {
  Keep(NameOf(session));
  return dependencies_.leases->Acquire(
      ForPeer(call, *dependencies_.clock),
      RequestFor(session, options_.holder, options_.ttl));
}

absl::StatusOr<Lease> SessionLeases::Renew(const Call& call,
                                           const Session& session) {
  const SessionName name = NameOf(session);
  Keep(name);
  absl::StatusOr<Lease> lease = dependencies_.leases->Renew(
      ForPeer(call, *dependencies_.clock), name.datastore, name.session);
  if (lease.ok()) dependencies_.metrics->lease_renewals.Increment();
  if (lease.ok() || !IsLost(lease.status())) return lease;
  dependencies_.metrics->leases_lost.Increment();
  LOG(WARNING) << "session lost its lease session=" << name.session.ToString();
  return Acquire(call, session);
}

void SessionLeases::Release(const Call& call, const Session& session) {
  SessionName name = NameOf(session);
  const absl::Status released = dependencies_.leases->Release(
      ForRelease(call, *dependencies_.clock), name.datastore, name.session);
  if (released.ok()) return;
  absl::MutexLock lock(&mutex_);
  const bool has_room = unreleased_.size() < options_.max_unreleased;
  LOG(WARNING) << "lease not released, it will "
               << (has_room ? "be tried again" : "expire")
               << " session=" << name.session.ToString()
               << " error=" << released;
  if (!has_room) return;
  unreleased_.push_back(
      {std::move(name), dependencies_.clock->Monotonic() + options_.ttl});
  ScheduleRetry();
}

void SessionLeases::Keep(const SessionName& name) {
  absl::MutexLock lock(&mutex_);
  // A try on its way would follow what the caller is about to do. It is as
  // short as any release.
  const auto untried = [this, &name]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return tried_ != name;
  };
  dependencies_.executor->Await(&mutex_, absl::Condition(&untried),
                                2 * kReleaseTimeout);
  std::erase_if(unreleased_, [&name](const Unreleased& lease) {
    return lease.name == name;
  });
}

void SessionLeases::ScheduleRetry() {
  if (closing_ || retrying_) return;
  retrying_ = true;
  timer_ = dependencies_.executor->ScheduleAfter(options_.ttl / kReleaseTries,
                                                 [this] { Retry(); });
}

void SessionLeases::Retry() {
  // While maintenance is away, one question is enough to know.
  while (RetryFirst()) {
  }
  absl::MutexLock lock(&mutex_);
  retrying_ = false;
  if (!unreleased_.empty()) ScheduleRetry();
}

bool SessionLeases::RetryFirst() {
  Unreleased lease;
  {
    absl::MutexLock lock(&mutex_);
    if (closing_ || unreleased_.empty()) return false;
    lease = std::move(unreleased_.front());
    unreleased_.pop_front();
    if (dependencies_.clock->Monotonic() >= lease.until) return true;
    tried_ = lease.name;
  }
  const bool released =
      dependencies_.leases
          ->Release(ForRelease(OwnCall(), *dependencies_.clock),
                    lease.name.datastore, lease.name.session)
          .ok();
  absl::MutexLock lock(&mutex_);
  tried_ = std::nullopt;
  // Behind the others, which it may not concern.
  if (!released) unreleased_.push_back(std::move(lease));
  return released;
}

}  // namespace cairn::ingest
