#include "services/maintenance/engine/lease_guard.h"

#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {

Call MaintenanceCall(absl::Time deadline,
                     const CancellationToken* cancellation) {
  Call call;
  call.caller = {.kind = CallerKind::kLocal,
                 .role = CallerRole::kMaintenance,
                 .principal = "maintenance@service"};
  call.deadline = deadline;
  call.cancellation = cancellation;
  return call;
}

LeaseGuard::LeaseGuard(const Dependencies& dependencies,
                       const LeaseRequest& request)
    : dependencies_(dependencies),
      id_(request.id),
      datastore_(request.datastore),
      period_(request.ttl / 3) {}

absl::StatusOr<std::unique_ptr<LeaseGuard>> LeaseGuard::Acquire(
    const Call& call, const Dependencies& dependencies,
    const LeaseRequest& request) {
  RETURN_IF_ERROR(dependencies.coordinator->Acquire(call, request).status());
  std::unique_ptr<LeaseGuard> guard(new LeaseGuard(dependencies, request));
  guard->Schedule();
  return guard;
}

LeaseGuard::~LeaseGuard() {
  Executor::TimerId timer = 0;
  {
    absl::MutexLock lock(&mutex_);
    stopped_ = true;
    timer = timer_;
  }
  dependencies_.executor->Cancel(timer);
  const absl::Status released = dependencies_.coordinator->Release(
      MaintenanceCall(absl::InfiniteFuture(), nullptr), datastore_, id_);
  // Then it holds until its ttl is over.
  if (!released.ok()) {
    LOG(WARNING) << "lease not released lease=" << id_.ToString()
                 << " error=" << released;
  }
}

absl::Status LeaseGuard::status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

void LeaseGuard::Schedule() {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  timer_ = dependencies_.executor->ScheduleAfter(period_, [this] { Renew(); });
}

void LeaseGuard::Renew() {
  // A renewal of a live lease asks nobody; one that has expired asks index.
  const Call call =
      MaintenanceCall(dependencies_.clock->Now() + period_, nullptr);
  const absl::Status renewed =
      dependencies_.coordinator->Renew(call, datastore_, id_).status();
  {
    absl::MutexLock lock(&mutex_);
    status_ = renewed;
  }
  if (dependencies_.beside) dependencies_.beside(call);
  if (!absl::IsAborted(renewed)) Schedule();
}

}  // namespace cairn::maintenance
