#pragma once

#include <grpcpp/channel.h>

#include <memory>

#include "cairn/ingest/v1/backup_service.grpc.pb.h"
#include "cairn/ingest/v1/restore_service.grpc.pb.h"
#include "common/time/clock.h"
#include "services/ingest/client/ingest_client.h"

namespace cairn {

// Calls ingest in another process. Makes each call once. Thread-safe.
class GrpcIngestClient final : public IngestClient {
 public:
  // `clock` outlives the client.
  GrpcIngestClient(const std::shared_ptr<grpc::Channel>& channel,
                   const Clock* clock);

  absl::StatusOr<ingest::v1::OpenSessionResponse> OpenSession(
      const Call& call, const ingest::v1::OpenSessionRequest& request) override;
  absl::StatusOr<ingest::v1::GetSessionResponse> GetSession(
      const Call& call, const ingest::v1::GetSessionRequest& request) override;
  absl::StatusOr<ingest::v1::FinishSessionResponse> FinishSession(
      const Call& call,
      const ingest::v1::FinishSessionRequest& request) override;
  absl::Status AbortSession(
      const Call& call,
      const ingest::v1::AbortSessionRequest& request) override;
  std::unique_ptr<WriteStreamClient> WriteStream(const Call& call) override;
  std::unique_ptr<ReadStreamClient> ReadArchive(
      const Call& call, const ingest::v1::ReadArchiveRequest& request) override;

 private:
  const std::unique_ptr<ingest::v1::BackupService::Stub> backup_;
  const std::unique_ptr<ingest::v1::RestoreService::Stub> restore_;
  const Clock* const clock_;
};

}  // namespace cairn
