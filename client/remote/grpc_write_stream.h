#pragma once

#include <memory>

#include "cairn/ingest/v1/backup_service.grpc.pb.h"
#include "client/posix/interrupt.h"
#include "client/remote/write_stream.h"

namespace cairn::client {

// Start a WriteStream, WriteChunks or WriteRanges call. Both outlive the
// stream.
std::unique_ptr<WriteStream> NewGrpcWriteStream(
    ingest::v1::BackupService::Stub* stub, const Interrupt* interrupt);
std::unique_ptr<ChunkWriteStream> NewGrpcChunkWriteStream(
    ingest::v1::BackupService::Stub* stub, const Interrupt* interrupt);
std::unique_ptr<RangeWriteStream> NewGrpcRangeWriteStream(
    ingest::v1::BackupService::Stub* stub, const Interrupt* interrupt);

}  // namespace cairn::client
