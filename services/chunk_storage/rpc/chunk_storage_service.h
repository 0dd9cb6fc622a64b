#pragma once

#include <vector>

#include "cairn/chunk_storage/v1/chunk_storage_service.grpc.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "services/chunk_storage/engine/chunk_repository.h"

namespace cairn::chunk_storage {

// ChunkStorageService over gRPC: decodes, makes one call of the engine,
// encodes. Thread-safe.
class ChunkStorageServiceImpl final
    : public v1::ChunkStorageService::CallbackService {
 public:
  // Both outlive the service.
  ChunkStorageServiceImpl(Dispatcher* dispatcher, ChunkRepository* repository)
      : dispatcher_(dispatcher), repository_(repository) {}

  // A row for every method: services, and administrators, as which services
  // of one user on one machine are seen. There is no public read by key. A
  // server that drains lets sessions that are open come to their next sync.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* EnsureDatastore(
      grpc::CallbackServerContext* context,
      const v1::EnsureDatastoreRequest* request,
      v1::StoreState* response) override;
  grpc::ServerUnaryReactor* Pin(grpc::CallbackServerContext* context,
                                const v1::PinRequest* request,
                                v1::PinResponse* response) override;
  grpc::ServerReadReactor<v1::PutRequest>* Put(
      grpc::CallbackServerContext* context, v1::PutResponse* response) override;
  grpc::ServerUnaryReactor* Sync(grpc::CallbackServerContext* context,
                                 const v1::SyncRequest* request,
                                 v1::SyncResponse* response) override;
  grpc::ServerUnaryReactor* Append(grpc::CallbackServerContext* context,
                                   const v1::AppendRequest* request,
                                   v1::AppendResponse* response) override;
  grpc::ServerWriteReactor<v1::GetResponse>* Get(
      grpc::CallbackServerContext* context,
      const v1::GetRequest* request) override;
  grpc::ServerUnaryReactor* ShowToken(grpc::CallbackServerContext* context,
                                      const v1::ShowTokenRequest* request,
                                      v1::StoreState* response) override;
  grpc::ServerUnaryReactor* GetStatistics(
      grpc::CallbackServerContext* context,
      const v1::GetStatisticsRequest* request,
      v1::GetStatisticsResponse* response) override;

 private:
  Dispatcher* const dispatcher_;
  ChunkRepository* const repository_;
};

}  // namespace cairn::chunk_storage
