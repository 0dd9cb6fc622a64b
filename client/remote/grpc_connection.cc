#include "client/remote/grpc_connection.h"

#include <grpcpp/channel.h>

#include <utility>

#include "absl/time/time.h"
#include "cairn/ingest/v1/backup_service.grpc.pb.h"
#include "cairn/ingest/v1/catalog_service.grpc.pb.h"
#include "cairn/ingest/v1/restore_service.grpc.pb.h"
#include "client/remote/grpc_channel.h"
#include "client/remote/grpc_read_stream.h"
#include "client/remote/grpc_unary.h"
#include "client/remote/grpc_write_stream.h"
#include "client/remote/rate_limiter.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using namespace ingest::v1;  // NOLINT: this file is about nothing else

constexpr absl::Duration kCallTimeout = absl::Minutes(1);
// Finish syncs everything that is not durable yet.
constexpr absl::Duration kFinishTimeout = absl::Minutes(10);
// Best effort, while the user waits for the prompt.
constexpr absl::Duration kAbortTimeout = absl::Seconds(5);

class GrpcBackupRemote final : public BackupRemote {
 public:
  GrpcBackupRemote(std::shared_ptr<grpc::Channel> channel, const Clock* clock,
                   const Interrupt* interrupt, RateLimiter* limiter)
      : stub_(BackupService::NewStub(std::move(channel))),
        clock_(clock),
        interrupt_(interrupt),
        limiter_(limiter) {}

  absl::StatusOr<GetCapabilitiesResponse> GetCapabilities() override {
    return CallUnary<GetCapabilitiesResponse>(
        *clock_, interrupt_, kCallTimeout, GetCapabilitiesRequest(),
        CAIRN_UNARY(stub_, GetCapabilities));
  }

  absl::StatusOr<model::v1::Session> OpenSession(
      const OpenSessionRequest& request) override {
    ASSIGN_OR_RETURN(OpenSessionResponse response,
                     CallUnary<OpenSessionResponse>(
                         *clock_, interrupt_, kCallTimeout, request,
                         CAIRN_UNARY(stub_, OpenSession)));
    return std::move(*response.mutable_session());
  }

  absl::StatusOr<model::v1::Session> GetSession(
      const std::string& name) override {
    GetSessionRequest request;
    request.set_name(name);
    ASSIGN_OR_RETURN(
        GetSessionResponse response,
        CallUnary<GetSessionResponse>(*clock_, interrupt_, kCallTimeout,
                                      request, CAIRN_UNARY(stub_, GetSession)));
    return std::move(*response.mutable_session());
  }

  absl::StatusOr<model::v1::Snapshot> FinishSession(
      const FinishSessionRequest& request) override {
    ASSIGN_OR_RETURN(FinishSessionResponse response,
                     CallUnary<FinishSessionResponse>(
                         *clock_, interrupt_, kFinishTimeout, request,
                         CAIRN_UNARY(stub_, FinishSession)));
    return std::move(*response.mutable_snapshot());
  }

  absl::Status AbortSession(const std::string& name) override {
    AbortSessionRequest request;
    request.set_name(name);
    return CallUnary<AbortSessionResponse>(*clock_, nullptr, kAbortTimeout,
                                           request,
                                           CAIRN_UNARY(stub_, AbortSession))
        .status();
  }

  std::unique_ptr<WriteStream> StartWrite() override {
    return Limited(NewGrpcWriteStream(stub_.get(), interrupt_), limiter_);
  }

  std::unique_ptr<ChunkWriteStream> StartWriteChunks() override {
    return Limited(NewGrpcChunkWriteStream(stub_.get(), interrupt_), limiter_);
  }

  std::unique_ptr<RangeWriteStream> StartWriteRanges() override {
    return NewGrpcRangeWriteStream(stub_.get(), interrupt_);
  }

 private:
  const std::unique_ptr<BackupService::Stub> stub_;
  const Clock* const clock_;
  const Interrupt* const interrupt_;
  RateLimiter* const limiter_;
};

// One override of CatalogRemote.
#define CAIRN_CATALOG_CALL(method)                                        \
  absl::StatusOr<method##Response> method(const method##Request& request) \
      override {                                                          \
    return CallUnary<method##Response>(*clock_, interrupt_, kCallTimeout, \
                                       request,                           \
                                       CAIRN_UNARY(catalog_, method));    \
  }

class GrpcCatalogRemote final : public CatalogRemote {
 public:
  GrpcCatalogRemote(const std::shared_ptr<grpc::Channel>& channel,
                    const Clock* clock, const Interrupt* interrupt,
                    RateLimiter* limiter)
      : catalog_(CatalogService::NewStub(channel)),
        restore_(RestoreService::NewStub(channel)),
        clock_(clock),
        interrupt_(interrupt),
        limiter_(limiter) {}

  CAIRN_CATALOG_CALL(ListDatastores)
  CAIRN_CATALOG_CALL(CreateDatastore)
  CAIRN_CATALOG_CALL(ListNamespaces)
  CAIRN_CATALOG_CALL(CreateNamespace)
  CAIRN_CATALOG_CALL(DeleteNamespace)
  CAIRN_CATALOG_CALL(ListGroups)
  CAIRN_CATALOG_CALL(ListSnapshots)
  CAIRN_CATALOG_CALL(GetSnapshot)
  CAIRN_CATALOG_CALL(UpdateSnapshot)
  CAIRN_CATALOG_CALL(ForgetSnapshots)
  CAIRN_CATALOG_CALL(UndeleteSnapshots)
  CAIRN_CATALOG_CALL(ListLeases)
  CAIRN_CATALOG_CALL(GetStatus)

  std::unique_ptr<ReadStream> StartRead(
      const ReadArchiveRequest& request) override {
    return Limited(NewGrpcReadStream(restore_.get(), request, interrupt_),
                   limiter_);
  }

  std::unique_ptr<ChunkReadStream> StartReadChunks(
      const ReadChunksRequest& request) override {
    // Entries alone are what a backup reads to send less.
    return Limited(NewGrpcChunkReadStream(restore_.get(), request, interrupt_),
                   request.entries_only() ? nullptr : limiter_);
  }

  std::unique_ptr<DiffStream> StartDiff(
      const DiffArchivesRequest& request) override {
    return NewGrpcDiffStream(restore_.get(), request, interrupt_);
  }

 private:
  const std::unique_ptr<CatalogService::Stub> catalog_;
  const std::unique_ptr<RestoreService::Stub> restore_;
  const Clock* const clock_;
  const Interrupt* const interrupt_;
  RateLimiter* const limiter_;
};

#undef CAIRN_CATALOG_CALL

}  // namespace

absl::StatusOr<Remotes> ConnectByGrpc(const ConnectionOptions& options,
                                      const Clock* clock,
                                      const Interrupt* interrupt) {
  ASSIGN_OR_RETURN(const std::shared_ptr<grpc::Channel> channel,
                   OpenGrpcChannel(options));
  Remotes remotes;
  remotes.backup = std::make_unique<GrpcBackupRemote>(channel, clock, interrupt,
                                                      options.limiter);
  remotes.catalog = std::make_unique<GrpcCatalogRemote>(
      channel, clock, interrupt, options.limiter);
  return remotes;
}

}  // namespace cairn::client
