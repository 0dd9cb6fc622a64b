#pragma once

#include "cairn/ingest/v1/catalog_service.grpc.pb.h"
#include "common/rpc/dispatcher.h"
#include "services/ingest/engine/catalog_frontend.h"
#include "services/ingest/engine/suite_status.h"

namespace cairn::ingest {

// CatalogService over gRPC.
class CatalogServiceImpl final : public v1::CatalogService::CallbackService {
 public:
  // All outlive the service.
  CatalogServiceImpl(CatalogFrontend* frontend, SuiteObserver* observer,
                     Dispatcher* dispatcher)
      : frontend_(frontend), observer_(observer), dispatcher_(dispatcher) {}

  grpc::ServerUnaryReactor* ListDatastores(
      grpc::CallbackServerContext* context,
      const v1::ListDatastoresRequest* request,
      v1::ListDatastoresResponse* response) override;
  grpc::ServerUnaryReactor* CreateDatastore(
      grpc::CallbackServerContext* context,
      const v1::CreateDatastoreRequest* request,
      v1::CreateDatastoreResponse* response) override;
  grpc::ServerUnaryReactor* ListNamespaces(
      grpc::CallbackServerContext* context,
      const v1::ListNamespacesRequest* request,
      v1::ListNamespacesResponse* response) override;
  grpc::ServerUnaryReactor* CreateNamespace(
      grpc::CallbackServerContext* context,
      const v1::CreateNamespaceRequest* request,
      v1::CreateNamespaceResponse* response) override;
  grpc::ServerUnaryReactor* DeleteNamespace(
      grpc::CallbackServerContext* context,
      const v1::DeleteNamespaceRequest* request,
      v1::DeleteNamespaceResponse* response) override;
  grpc::ServerUnaryReactor* ListGroups(
      grpc::CallbackServerContext* context,
      const v1::ListGroupsRequest* request,
      v1::ListGroupsResponse* response) override;
  grpc::ServerUnaryReactor* UpdateGroup(
      grpc::CallbackServerContext* context,
      const v1::UpdateGroupRequest* request,
      v1::UpdateGroupResponse* response) override;
  grpc::ServerUnaryReactor* ListSnapshots(
      grpc::CallbackServerContext* context,
      const v1::ListSnapshotsRequest* request,
      v1::ListSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* GetSnapshot(
      grpc::CallbackServerContext* context,
      const v1::GetSnapshotRequest* request,
      v1::GetSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* UpdateSnapshot(
      grpc::CallbackServerContext* context,
      const v1::UpdateSnapshotRequest* request,
      v1::UpdateSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* ForgetSnapshots(
      grpc::CallbackServerContext* context,
      const v1::ForgetSnapshotsRequest* request,
      v1::ForgetSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* UndeleteSnapshots(
      grpc::CallbackServerContext* context,
      const v1::UndeleteSnapshotsRequest* request,
      v1::UndeleteSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* ListLeases(
      grpc::CallbackServerContext* context,
      const v1::ListLeasesRequest* request,
      v1::ListLeasesResponse* response) override;
  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::GetStatusResponse* response) override;

 private:
  CatalogFrontend* const frontend_;
  SuiteObserver* const observer_;
  Dispatcher* const dispatcher_;
};

}  // namespace cairn::ingest
