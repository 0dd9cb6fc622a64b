#pragma once

#include <vector>

#include "cairn/index/v1/index_service.grpc.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "services/index/engine/index_engine.h"

namespace cairn::index {

// IndexService over gRPC: decodes, makes one call of the engine, encodes.
// Thread-safe.
class IndexServiceImpl final : public v1::IndexService::CallbackService {
 public:
  // Both outlive the service.
  IndexServiceImpl(Dispatcher* dispatcher, IndexEngine* engine)
      : dispatcher_(dispatcher), engine_(engine) {}

  // A row for every method: services, and administrators, as which services
  // of one user on one machine are seen. A server that drains opens no new
  // session; those that run go on until the end.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* ListDatastores(
      grpc::CallbackServerContext* context,
      const v1::ListDatastoresRequest* request,
      v1::ListDatastoresResponse* response) override;
  grpc::ServerUnaryReactor* GetDatastore(
      grpc::CallbackServerContext* context,
      const v1::GetDatastoreRequest* request,
      v1::GetDatastoreResponse* response) override;
  grpc::ServerUnaryReactor* GetStatistics(
      grpc::CallbackServerContext* context,
      const v1::GetStatisticsRequest* request,
      v1::GetStatisticsResponse* response) override;
  grpc::ServerUnaryReactor* ListNamespaces(
      grpc::CallbackServerContext* context,
      const v1::ListNamespacesRequest* request,
      v1::ListNamespacesResponse* response) override;
  grpc::ServerUnaryReactor* ListGroups(
      grpc::CallbackServerContext* context,
      const v1::ListGroupsRequest* request,
      v1::ListGroupsResponse* response) override;
  grpc::ServerUnaryReactor* ListSnapshots(
      grpc::CallbackServerContext* context,
      const v1::ListSnapshotsRequest* request,
      v1::ListSnapshotsResponse* response) override;
  grpc::ServerUnaryReactor* GetSnapshot(
      grpc::CallbackServerContext* context,
      const v1::GetSnapshotRequest* request,
      v1::GetSnapshotResponse* response) override;
  grpc::ServerUnaryReactor* PrepareChange(
      grpc::CallbackServerContext* context,
      const v1::PrepareChangeRequest* request,
      v1::PrepareChangeResponse* response) override;
  grpc::ServerUnaryReactor* CommitChange(
      grpc::CallbackServerContext* context,
      const v1::CommitChangeRequest* request,
      v1::CommitChangeResponse* response) override;

  grpc::ServerUnaryReactor* OpenSession(
      grpc::CallbackServerContext* context,
      const v1::OpenSessionRequest* request,
      v1::OpenSessionResponse* response) override;
  grpc::ServerUnaryReactor* GetSession(
      grpc::CallbackServerContext* context,
      const v1::GetSessionRequest* request,
      v1::GetSessionResponse* response) override;
  grpc::ServerUnaryReactor* ListSessions(
      grpc::CallbackServerContext* context,
      const v1::ListSessionsRequest* request,
      v1::ListSessionsResponse* response) override;
  grpc::ServerUnaryReactor* PutPages(grpc::CallbackServerContext* context,
                                     const v1::PutPagesRequest* request,
                                     v1::PutPagesResponse* response) override;
  grpc::ServerUnaryReactor* SaveCheckpoint(
      grpc::CallbackServerContext* context,
      const v1::SaveCheckpointRequest* request,
      v1::SaveCheckpointResponse* response) override;
  grpc::ServerUnaryReactor* PreparePublish(
      grpc::CallbackServerContext* context,
      const v1::PreparePublishRequest* request,
      v1::PreparePublishResponse* response) override;
  grpc::ServerUnaryReactor* CommitPublish(
      grpc::CallbackServerContext* context,
      const v1::CommitPublishRequest* request,
      v1::CommitPublishResponse* response) override;
  grpc::ServerUnaryReactor* AbortSession(
      grpc::CallbackServerContext* context,
      const v1::AbortSessionRequest* request,
      v1::AbortSessionResponse* response) override;
  grpc::ServerUnaryReactor* FindEntries(
      grpc::CallbackServerContext* context,
      const v1::FindEntriesRequest* request,
      v1::FindEntriesResponse* response) override;
  grpc::ServerUnaryReactor* GetPages(grpc::CallbackServerContext* context,
                                     const v1::GetPagesRequest* request,
                                     v1::GetPagesResponse* response) override;
  grpc::ServerUnaryReactor* DiffArchives(
      grpc::CallbackServerContext* context,
      const v1::DiffArchivesRequest* request,
      v1::DiffArchivesResponse* response) override;

  grpc::ServerUnaryReactor* RaiseFence(grpc::CallbackServerContext* context,
                                       const v1::RaiseFenceRequest* request,
                                       v1::FenceState* response) override;
  grpc::ServerUnaryReactor* GetFence(grpc::CallbackServerContext* context,
                                     const v1::GetFenceRequest* request,
                                     v1::FenceState* response) override;

 private:
  Dispatcher* const dispatcher_;
  IndexEngine* const engine_;
};

}  // namespace cairn::index
