#include "services/maintenance/client/in_memory_maintenance.h"

#include <utility>

#include "common/log/log.h"
#include "services/maintenance/client/local_lease_client.h"
#include "services/maintenance/storage/lease_store.h"

namespace cairn {

InMemoryMaintenance::InMemoryMaintenance(const Dependencies& dependencies)
    : dependencies_(dependencies),
      kv_(maintenance::LeaseStore::TableNames().size()),
      metrics_(&registry_) {
  Open();
}

InMemoryMaintenance::~InMemoryMaintenance() = default;

void InMemoryMaintenance::Restart() {
  client_.reset();
  coordinator_.reset();
  Open();
}

void InMemoryMaintenance::PowerCut(absl::BitGenRef random) {
  client_.reset();
  coordinator_.reset();
  kv_.PowerCut(random);
  kv_.Recover();
  Open();
}

void InMemoryMaintenance::Open() {
  auto coordinator = maintenance::LeaseCoordinator::Open(
      {}, {.clock = dependencies_.clock,
           .executor = dependencies_.executor,
           .kv = &kv_,
           .catalog = dependencies_.catalog,
           .fence = dependencies_.fence,
           .chunks = dependencies_.chunks,
           .metrics = &metrics_});
  CHECK_OK(coordinator.status());
  coordinator_ = *std::move(coordinator);
  client_ = std::make_unique<LocalLeaseClient>(
      coordinator_.get(), Caller{.kind = CallerKind::kLocal,
                                 .role = CallerRole::kMaintenance,
                                 .principal = "test@service"});
}

}  // namespace cairn
