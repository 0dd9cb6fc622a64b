#pragma once

#include <memory>

#include "cairn/ingest/v1/restore_service.grpc.pb.h"
#include "client/posix/interrupt.h"
#include "client/remote/read_stream.h"

namespace cairn::client {

// Start a ReadArchive, ReadChunks or DiffArchives call. `stub` and `interrupt`
// outlive the stream.
std::unique_ptr<ReadStream> NewGrpcReadStream(
    ingest::v1::RestoreService::Stub* stub,
    const ingest::v1::ReadArchiveRequest& request, const Interrupt* interrupt);
std::unique_ptr<ChunkReadStream> NewGrpcChunkReadStream(
    ingest::v1::RestoreService::Stub* stub,
    const ingest::v1::ReadChunksRequest& request, const Interrupt* interrupt);
std::unique_ptr<DiffStream> NewGrpcDiffStream(
    ingest::v1::RestoreService::Stub* stub,
    const ingest::v1::DiffArchivesRequest& request, const Interrupt* interrupt);

}  // namespace cairn::client
