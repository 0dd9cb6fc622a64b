#pragma once

#include <memory>

#include "cairn/ingest/v1/restore_service.grpc.pb.h"
#include "client/posix/interrupt.h"
#include "client/remote/read_stream.h"

namespace cairn::client {

// Starts the call. `stub` and `interrupt` outlive the stream.
std::unique_ptr<ReadStream> NewGrpcReadStream(
    ingest::v1::RestoreService::Stub* stub,
    const ingest::v1::ReadArchiveRequest& request, const Interrupt* interrupt);

}  // namespace cairn::client
