#pragma once

#include "cairn/ingest/v1/restore_service.grpc.pb.h"
#include "common/rpc/dispatcher.h"
#include "services/ingest/engine/restore_frontend.h"

namespace cairn::ingest {

// RestoreService over gRPC.
class RestoreServiceImpl final : public v1::RestoreService::CallbackService {
 public:
  // Both outlive the service.
  RestoreServiceImpl(RestoreFrontend* frontend, Dispatcher* dispatcher)
      : frontend_(frontend), dispatcher_(dispatcher) {}

  grpc::ServerWriteReactor<v1::ReadArchiveResponse>* ReadArchive(
      grpc::CallbackServerContext* context,
      const v1::ReadArchiveRequest* request) override;
  grpc::ServerWriteReactor<v1::ReadChunksResponse>* ReadChunks(
      grpc::CallbackServerContext* context,
      const v1::ReadChunksRequest* request) override;
  grpc::ServerWriteReactor<v1::DiffArchivesResponse>* DiffArchives(
      grpc::CallbackServerContext* context,
      const v1::DiffArchivesRequest* request) override;

 private:
  RestoreFrontend* const frontend_;
  Dispatcher* const dispatcher_;
};

}  // namespace cairn::ingest
