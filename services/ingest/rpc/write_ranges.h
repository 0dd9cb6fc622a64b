#pragma once

#include "absl/status/status.h"
#include "cairn/ingest/v1/backup_service.pb.h"
#include "common/concurrency/executor.h"
#include "common/model/call.h"
#include "common/rpc/message_stream.h"
#include "services/ingest/engine/backup_frontend.h"

namespace cairn::ingest {

using RangeMessages =
    ServerStream<v1::WriteRangesRequest, v1::WriteRangesResponse>;

// Serves one WriteRanges call from its first message to its last.
absl::Status ServeWriteRanges(BackupFrontend& frontend, const Call& call,
                              RangeMessages& messages, Executor* executor);

}  // namespace cairn::ingest
