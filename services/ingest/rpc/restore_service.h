#pragma once

#include "cairn/ingest/v1/restore_service.grpc.pb.h"
#include "common/rpc/dispatcher.h"
#include "services/ingest/engine/bandwidth.h"
#include "services/ingest/engine/restore_frontend.h"

namespace cairn::ingest {

// RestoreService over gRPC.
class RestoreServiceImpl final : public v1::RestoreService::CallbackService {
 public:
  // All outlive the service. `bandwidth` is what its streams of contents
  // share.
  RestoreServiceImpl(RestoreFrontend* frontend, Bandwidth* bandwidth,
                     Dispatcher* dispatcher)
      : frontend_(frontend), bandwidth_(bandwidth), dispatcher_(dispatcher) {}

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
  Bandwidth* const bandwidth_;
  Dispatcher* const dispatcher_;
};

}  // namespace cairn::ingest
