#include "client/remote/grpc_read_stream.h"

#include <memory>

#include "client/remote/grpc_server_stream.h"

namespace cairn::client {

using ingest::v1::DiffArchivesRequest;
using ingest::v1::DiffArchivesResponse;
using ingest::v1::ReadArchiveRequest;
using ingest::v1::ReadArchiveResponse;
using ingest::v1::ReadChunksRequest;
using ingest::v1::ReadChunksResponse;
using ingest::v1::RestoreService;

std::unique_ptr<ReadStream> NewGrpcReadStream(RestoreService::Stub* stub,
                                              const ReadArchiveRequest& request,
                                              const Interrupt* interrupt) {
  return std::make_unique<
      GrpcServerStream<ReadArchiveRequest, ReadArchiveResponse>>(
      request, interrupt,
      [stub](grpc::ClientContext* context, const ReadArchiveRequest* sent,
             auto* reactor) {
        stub->async()->ReadArchive(context, sent, reactor);
      });
}

std::unique_ptr<ChunkReadStream> NewGrpcChunkReadStream(
    RestoreService::Stub* stub, const ReadChunksRequest& request,
    const Interrupt* interrupt) {
  return std::make_unique<
      GrpcServerStream<ReadChunksRequest, ReadChunksResponse>>(
      request, interrupt,
      [stub](grpc::ClientContext* context, const ReadChunksRequest* sent,
             auto* reactor) {
        stub->async()->ReadChunks(context, sent, reactor);
      });
}

std::unique_ptr<DiffStream> NewGrpcDiffStream(
    RestoreService::Stub* stub, const DiffArchivesRequest& request,
    const Interrupt* interrupt) {
  return std::make_unique<
      GrpcServerStream<DiffArchivesRequest, DiffArchivesResponse>>(
      request, interrupt,
      [stub](grpc::ClientContext* context, const DiffArchivesRequest* sent,
             auto* reactor) {
        stub->async()->DiffArchives(context, sent, reactor);
      });
}

}  // namespace cairn::client
