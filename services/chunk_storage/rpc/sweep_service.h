#pragma once

#include <vector>

#include "cairn/chunk_storage/v1/sweep_service.grpc.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "services/chunk_storage/engine/store_sweeper.h"

namespace cairn::chunk_storage {

// SweepService over gRPC: decodes, makes one call of the engine, encodes.
// Thread-safe.
class SweepServiceImpl final : public v1::SweepService::CallbackService {
 public:
  // Both outlive the service.
  SweepServiceImpl(Dispatcher* dispatcher, StoreSweeper* sweeper)
      : dispatcher_(dispatcher), sweeper_(sweeper) {}

  // A row for every method: services and administrators. What begins work is
  // refused by a server that drains.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* BeginSweep(grpc::CallbackServerContext* context,
                                       const v1::BeginSweepRequest* request,
                                       v1::StoreState* response) override;
  grpc::ServerReadReactor<v1::PutMarksRequest>* PutMarks(
      grpc::CallbackServerContext* context, v1::MarkSummary* response) override;
  grpc::ServerUnaryReactor* ListPacks(grpc::CallbackServerContext* context,
                                      const v1::ListPacksRequest* request,
                                      v1::ListPacksResponse* response) override;
  grpc::ServerUnaryReactor* SweepPacks(
      grpc::CallbackServerContext* context,
      const v1::SweepPacksRequest* request,
      v1::SweepPacksResponse* response) override;
  grpc::ServerUnaryReactor* EndSweep(grpc::CallbackServerContext* context,
                                     const v1::EndSweepRequest* request,
                                     v1::EndSweepResponse* response) override;
  grpc::ServerUnaryReactor* DropMarks(grpc::CallbackServerContext* context,
                                      const v1::DropMarksRequest* request,
                                      v1::DropMarksResponse* response) override;
  grpc::ServerWriteReactor<v1::VerifyPacksResponse>* VerifyPacks(
      grpc::CallbackServerContext* context,
      const v1::VerifyPacksRequest* request) override;
  grpc::ServerUnaryReactor* ListDamaged(
      grpc::CallbackServerContext* context,
      const v1::ListDamagedRequest* request,
      v1::ListDamagedResponse* response) override;

 private:
  Dispatcher* const dispatcher_;
  StoreSweeper* const sweeper_;
};

}  // namespace cairn::chunk_storage
