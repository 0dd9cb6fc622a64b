#pragma once

#include <functional>
#include <string_view>

namespace cairn {

// Sends what gRPC and protobuf log to our log, below the level that is
// written by default: bytes of a peer make them log, and a peer must not fill
// the operator's log. gRPC's errors become warnings. For the process; once,
// before the first call.
void InitializeLibraryLogs();

// What to do when a TLS handshake of this process fails, as server or as
// client: gRPC tells it in its log alone. `watch`: thread-safe, is told why,
// and replaces the one before; null: such lines are only written. After the
// return the former one does not run.
void WatchHandshakes(std::function<void(std::string_view why)> watch);

}  // namespace cairn
