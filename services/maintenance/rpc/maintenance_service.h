#pragma once

#include <vector>

#include "cairn/maintenance/v1/maintenance_service.grpc.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "services/maintenance/engine/lease_coordinator.h"

namespace cairn::maintenance {

// MaintenanceService over gRPC: decodes, makes one call of the engine,
// encodes. Thread-safe.
class MaintenanceServiceImpl final
    : public v1::MaintenanceService::CallbackService {
 public:
  // Both outlive the service.
  MaintenanceServiceImpl(Dispatcher* dispatcher, LeaseCoordinator* coordinator)
      : dispatcher_(dispatcher), coordinator_(coordinator) {}

  // A row for every method: services, and administrators, as which services
  // of one user on one machine are seen. A server that drains grants nothing
  // new; what is held is renewed and released until the end.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* AcquireLease(
      grpc::CallbackServerContext* context,
      const v1::AcquireLeaseRequest* request,
      v1::AcquireLeaseResponse* response) override;
  grpc::ServerUnaryReactor* RenewLease(
      grpc::CallbackServerContext* context,
      const v1::RenewLeaseRequest* request,
      v1::RenewLeaseResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseLease(
      grpc::CallbackServerContext* context,
      const v1::ReleaseLeaseRequest* request,
      v1::ReleaseLeaseResponse* response) override;
  grpc::ServerUnaryReactor* ListLeases(
      grpc::CallbackServerContext* context,
      const v1::ListLeasesRequest* request,
      v1::ListLeasesResponse* response) override;
  grpc::ServerUnaryReactor* GetEpoch(grpc::CallbackServerContext* context,
                                     const v1::GetEpochRequest* request,
                                     v1::EpochState* response) override;
  grpc::ServerUnaryReactor* AdvanceEpoch(grpc::CallbackServerContext* context,
                                         const v1::AdvanceEpochRequest* request,
                                         v1::EpochState* response) override;

 private:
  Dispatcher* const dispatcher_;
  LeaseCoordinator* const coordinator_;
};

}  // namespace cairn::maintenance
