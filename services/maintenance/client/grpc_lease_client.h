#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "cairn/maintenance/v1/maintenance_service.grpc.pb.h"
#include "common/time/clock.h"
#include "services/maintenance/client/lease_client.h"

namespace cairn {

// Calls maintenance in another process. Makes each call once: what may be
// repeated is for the caller to say. Thread-safe.
class GrpcLeaseClient final : public LeaseClient {
 public:
  // `clock` outlives the client.
  GrpcLeaseClient(const std::shared_ptr<grpc::Channel>& channel,
                  const Clock* clock);

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
  const std::unique_ptr<maintenance::v1::MaintenanceService::Stub> stub_;
  const Clock* const clock_;
};

}  // namespace cairn
