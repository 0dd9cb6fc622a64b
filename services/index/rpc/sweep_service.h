#pragma once

#include <vector>

#include "cairn/index/v1/sweep_service.grpc.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "services/index/engine/index_engine.h"

namespace cairn::index {

// SweepService over gRPC: decodes, makes one call of the engine, encodes.
// Thread-safe.
class SweepServiceImpl final : public v1::SweepService::CallbackService {
 public:
  // Both outlive the service.
  SweepServiceImpl(Dispatcher* dispatcher, IndexEngine* engine)
      : dispatcher_(dispatcher), engine_(engine) {}

  // A row for every method: of services maintenance alone, and
  // administrators, as which services of one user on one machine are seen. A
  // server that drains begins no sweep.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* BeginSweep(
      grpc::CallbackServerContext* context,
      const v1::BeginSweepRequest* request,
      v1::BeginSweepResponse* response) override;
  grpc::ServerUnaryReactor* ListGoneEvents(
      grpc::CallbackServerContext* context,
      const v1::ListGoneEventsRequest* request,
      v1::ListGoneEventsResponse* response) override;
  grpc::ServerWriteReactor<v1::MarkResponse>* Mark(
      grpc::CallbackServerContext* context,
      const v1::MarkRequest* request) override;
  grpc::ServerUnaryReactor* DropPages(grpc::CallbackServerContext* context,
                                      const v1::DropPagesRequest* request,
                                      v1::DropPagesResponse* response) override;
  grpc::ServerUnaryReactor* EndSweep(grpc::CallbackServerContext* context,
                                     const v1::EndSweepRequest* request,
                                     v1::EndSweepResponse* response) override;
  grpc::ServerWriteReactor<v1::FindReferencesResponse>* FindReferences(
      grpc::CallbackServerContext* context,
      const v1::FindReferencesRequest* request) override;
  grpc::ServerUnaryReactor* SaveVerifications(
      grpc::CallbackServerContext* context,
      const v1::SaveVerificationsRequest* request,
      v1::SaveVerificationsResponse* response) override;

 private:
  Dispatcher* const dispatcher_;
  IndexEngine* const engine_;
};

}  // namespace cairn::index
