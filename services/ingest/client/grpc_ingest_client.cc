#include "services/ingest/client/grpc_ingest_client.h"

#include "absl/time/time.h"
#include "common/rpc/client_call.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

namespace v1 = ingest::v1;

constexpr absl::Duration kTimeout = absl::Seconds(60);

class GrpcWriteStream final : public WriteStreamClient {
 public:
  GrpcWriteStream(v1::BackupService::Stub& stub, const Call& call,
                  const Clock& clock)
      : client_(call, clock, absl::InfiniteDuration()),
        stream_(stub.WriteStream(client_.context())) {}

  bool Send(const v1::WriteStreamRequest& message) override {
    return stream_->Write(message);
  }
  bool Receive(v1::WriteStreamResponse* message) override {
    return stream_->Read(message);
  }
  absl::Status Finish() override {
    stream_->WritesDone();
    v1::WriteStreamResponse left;
    while (stream_->Read(&left)) {
    }
    return client_.Finish(stream_->Finish());
  }

 private:
  ClientCall client_;
  const std::unique_ptr<
      grpc::ClientReaderWriter<v1::WriteStreamRequest, v1::WriteStreamResponse>>
      stream_;
};

class GrpcReadStream final : public ReadStreamClient {
 public:
  GrpcReadStream(v1::RestoreService::Stub& stub, const Call& call,
                 const v1::ReadArchiveRequest& request, const Clock& clock)
      : client_(call, clock, absl::InfiniteDuration()),
        stream_(stub.ReadArchive(client_.context(), request)) {}

  bool Receive(v1::ReadArchiveResponse* message) override {
    return stream_->Read(message);
  }
  absl::Status Finish() override { return client_.Finish(stream_->Finish()); }

 private:
  ClientCall client_;
  const std::unique_ptr<grpc::ClientReader<v1::ReadArchiveResponse>> stream_;
};

}  // namespace

GrpcIngestClient::GrpcIngestClient(
    const std::shared_ptr<grpc::Channel>& channel, const Clock* clock)
    : backup_(v1::BackupService::NewStub(channel)),
      restore_(v1::RestoreService::NewStub(channel)),
      clock_(clock) {}

absl::StatusOr<v1::OpenSessionResponse> GrpcIngestClient::OpenSession(
    const Call& call, const v1::OpenSessionRequest& request) {
  ClientCall client(call, *clock_, kTimeout);
  v1::OpenSessionResponse response;
  RETURN_IF_ERROR(client.Finish(
      backup_->OpenSession(client.context(), request, &response)));
  return response;
}

absl::StatusOr<v1::GetSessionResponse> GrpcIngestClient::GetSession(
    const Call& call, const v1::GetSessionRequest& request) {
  ClientCall client(call, *clock_, kTimeout);
  v1::GetSessionResponse response;
  RETURN_IF_ERROR(
      client.Finish(backup_->GetSession(client.context(), request, &response)));
  return response;
}

absl::StatusOr<v1::FinishSessionResponse> GrpcIngestClient::FinishSession(
    const Call& call, const v1::FinishSessionRequest& request) {
  ClientCall client(call, *clock_, kTimeout);
  v1::FinishSessionResponse response;
  RETURN_IF_ERROR(client.Finish(
      backup_->FinishSession(client.context(), request, &response)));
  return response;
}

absl::Status GrpcIngestClient::AbortSession(
    const Call& call, const v1::AbortSessionRequest& request) {
  ClientCall client(call, *clock_, kTimeout);
  v1::AbortSessionResponse response;
  return client.Finish(
      backup_->AbortSession(client.context(), request, &response));
}

std::unique_ptr<WriteStreamClient> GrpcIngestClient::WriteStream(
    const Call& call) {
  return std::make_unique<GrpcWriteStream>(*backup_, call, *clock_);
}

std::unique_ptr<ReadStreamClient> GrpcIngestClient::ReadArchive(
    const Call& call, const v1::ReadArchiveRequest& request) {
  return std::make_unique<GrpcReadStream>(*restore_, call, request, *clock_);
}

}  // namespace cairn
