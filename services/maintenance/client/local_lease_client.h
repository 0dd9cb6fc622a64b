#pragma once

#include <string>
#include <utility>

#include "services/maintenance/client/lease_client.h"
#include "services/maintenance/engine/lease_coordinator.h"

namespace cairn {

// Maintenance inside this process: hands calls to its engine, made by this
// process (`caller`) and not by whoever asked it. Thread-safe.
class LocalLeaseClient final : public LeaseClient {
 public:
  // `coordinator` outlives the client.
  LocalLeaseClient(maintenance::LeaseCoordinator* coordinator, Caller caller)
      : coordinator_(coordinator), caller_(std::move(caller)) {}

  absl::StatusOr<Lease> Acquire(const Call& call,
                                const LeaseRequest& request) override;
  absl::StatusOr<Lease> Renew(const Call& call, const std::string& datastore,
                              const Uuid& id) override;
  absl::Status Release(const Call& call, const std::string& datastore,
                       const Uuid& id) override;
  absl::StatusOr<ListPage<Lease>> List(const Call& call,
                                       const std::string& datastore,
                                       const PageRequest& page) override;
  absl::StatusOr<EpochState> GetEpoch(const Call& call,
                                      const std::string& datastore) override;
  absl::StatusOr<EpochState> AdvanceEpoch(
      const Call& call, const std::string& datastore) override;

 private:
  Call OwnCall(const Call& call) const;

  maintenance::LeaseCoordinator* const coordinator_;
  const Caller caller_;
};

}  // namespace cairn
