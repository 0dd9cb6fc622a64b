#pragma once

#include "absl/status/status.h"
#include "cairn/ingest/v1/restore_service.pb.h"
#include "common/model/call.h"
#include "common/rpc/message_stream.h"
#include "services/ingest/engine/restore_frontend.h"

namespace cairn::ingest {

// Serves one DiffArchives call.
absl::Status ServeDiffArchives(
    RestoreFrontend& frontend, const Call& call,
    const v1::DiffArchivesRequest& request,
    MessageWriter<v1::DiffArchivesResponse>& messages);

}  // namespace cairn::ingest
