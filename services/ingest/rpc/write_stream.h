#pragma once

#include "absl/status/status.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/rpc/message_stream.h"
#include "services/ingest/engine/backup_frontend.h"

namespace cairn::ingest {

using WriteMessages =
    ServerStream<v1::WriteStreamRequest, v1::WriteStreamResponse>;

// Serves one WriteStream call from its first message to its last.
absl::Status ServeWriteStream(BackupFrontend& frontend, const Call& call,
                              WriteMessages& messages, Executor* executor);

}  // namespace cairn::ingest
