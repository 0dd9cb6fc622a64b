#pragma once

#include "absl/status/status.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/rpc/message_stream.h"
#include "services/ingest/engine/backup_frontend.h"

namespace cairn::ingest {

using ChunkMessages =
    ServerStream<v1::WriteChunksRequest, v1::WriteChunksResponse>;

// Serves one WriteChunks call from its first message to its last.
absl::Status ServeWriteChunks(BackupFrontend& frontend, const Call& call,
                              ChunkMessages& messages, Executor* executor);

}  // namespace cairn::ingest
