#pragma once

#include "cairn/ingest/v1/backup_service.grpc.pb.h"
#include "common/concurrency/executor.h"
#include "common/rpc/dispatcher.h"
#include "services/ingest/engine/backup_frontend.h"
#include "services/ingest/engine/bandwidth.h"

namespace cairn::ingest {

// BackupService over gRPC: decode, one engine call, encode.
class BackupServiceImpl final : public v1::BackupService::CallbackService {
 public:
  // All outlive the service. `bandwidth` is what its streams share.
  // `reply_executor` sends watermarks, at most one task a stream, and each may
  // wait for a slow peer: it serves nothing that must not.
  BackupServiceImpl(BackupFrontend* frontend, Bandwidth* bandwidth,
                    Dispatcher* dispatcher, Executor* reply_executor)
      : frontend_(frontend),
        bandwidth_(bandwidth),
        dispatcher_(dispatcher),
        reply_executor_(reply_executor) {}

  grpc::ServerUnaryReactor* GetCapabilities(
      grpc::CallbackServerContext* context,
      const v1::GetCapabilitiesRequest* request,
      v1::GetCapabilitiesResponse* response) override;
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
  grpc::ServerUnaryReactor* RenewSession(
      grpc::CallbackServerContext* context,
      const v1::RenewSessionRequest* request,
      v1::RenewSessionResponse* response) override;
  grpc::ServerBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse>*
  WriteStream(grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::WriteChunksRequest, v1::WriteChunksResponse>*
  WriteChunks(grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<v1::WriteRangesRequest, v1::WriteRangesResponse>*
  WriteRanges(grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* FinishSession(
      grpc::CallbackServerContext* context,
      const v1::FinishSessionRequest* request,
      v1::FinishSessionResponse* response) override;
  grpc::ServerUnaryReactor* AbortSession(
      grpc::CallbackServerContext* context,
      const v1::AbortSessionRequest* request,
      v1::AbortSessionResponse* response) override;

 private:
  BackupFrontend* const frontend_;
  Bandwidth* const bandwidth_;
  Dispatcher* const dispatcher_;
  Executor* const reply_executor_;
};

}  // namespace cairn::ingest
