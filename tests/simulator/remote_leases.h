#pragma once

#include <string>

#include "services/maintenance/client/lease_client.h"
#include "tests/simulator/lease_watch.h"
#include "tests/simulator/maintenance_process.h"
#include "tests/simulator/remote.h"

namespace cairn::simulator {

// Maintenance over the network. `watch` is told what is granted, where and
// when it is.
class RemoteLeases final : public LeaseClient,
                           private Remote<MaintenanceProcess> {
 public:
  RemoteLeases(Network* network, Process* from, MaintenanceProcess* to,
               LeaseWatch* watch)
      : Remote(network, from, to), watch_(watch) {}

  // LeaseClient:
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
  LeaseWatch* const watch_;
};

}  // namespace cairn::simulator
