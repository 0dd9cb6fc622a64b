#include "services/index/engine/sweep_registry.h"

#include <utility>

namespace cairn::index {

absl::StatusOr<std::shared_ptr<Sweep>> SweepRegistry::Find(
    const Datastore& datastore, uint64_t token) const {
  absl::MutexLock lock(&mutex_);
  const auto found = sweeps_.find(datastore.ref.uuid);
  if (found == sweeps_.end() || found->second->token != token) {
    return SweepLost(datastore, token);
  }
  return found->second;
}

void SweepRegistry::Lose(const Uuid& datastore) {
  // Its files and its view go with it, which takes a while.
  std::shared_ptr<Sweep> former;
  absl::MutexLock lock(&mutex_);
  const auto found = sweeps_.find(datastore);
  if (found == sweeps_.end()) return;
  former = std::move(found->second);
  former->lost.store(true, std::memory_order_release);
  sweeps_.erase(found);
}

void SweepRegistry::Install(std::shared_ptr<Sweep> sweep) {
  const Uuid datastore = sweep->datastore->info.ref.uuid;
  Lose(datastore);
  absl::MutexLock lock(&mutex_);
  sweeps_[datastore] = std::move(sweep);
}

void SweepRegistry::End(const Sweep& sweep, const EndedSweep& ended) {
  const Uuid& datastore = sweep.datastore->info.ref.uuid;
  std::shared_ptr<Sweep> former;
  absl::MutexLock lock(&mutex_);
  const auto found = sweeps_.find(datastore);
  if (found == sweeps_.end() || found->second.get() != &sweep) return;
  former = std::move(found->second);
  former->lost.store(true, std::memory_order_release);
  sweeps_.erase(found);
  ended_[datastore] = {.token = sweep.token, .ended = ended};
}

std::optional<EndedSweep> SweepRegistry::FindEnded(const Uuid& datastore,
                                                   uint64_t token) const {
  absl::MutexLock lock(&mutex_);
  const auto found = ended_.find(datastore);
  if (found == ended_.end() || found->second.token != token) {
    return std::nullopt;
  }
  return found->second.ended;
}

}  // namespace cairn::index
