#pragma once

namespace cairn {

// Sends what gRPC and protobuf log to our log, below the level that is
// written by default: bytes of a peer make them log, and a peer must not fill
// the operator's log. gRPC's errors become warnings. For the process; once,
// before the first call.
void InitializeLibraryLogs();

}  // namespace cairn
