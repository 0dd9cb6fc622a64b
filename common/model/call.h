#pragma once

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace cairn {

class CancellationToken;

// How a caller proved who it is.
enum class CallerKind : uint8_t {
  kNone = 0,      // not authenticated; allowed nothing
  kLocal = 1,     // this process itself (cairnd's engines, start-up work)
  kUnix = 2,      // unix socket, peer credentials checked
  kLoopback = 3,  // plaintext loopback, where the operator allowed it
  kTls = 4,       // mutual TLS, certificate checked
};

// What a caller may be, decided at the edge before any handler.
enum class CallerRole : uint8_t {
  kNone = 0,
  kClient = 1,   // a certificate's holder: own groups only
  kAdmin = 2,    // unix socket of the owner or root, loopback
  kService = 3,  // another service of the suite
};

// Who makes a call. `principal` is printable and stable ("root@unix",
// "web1@tls", "ingest@service"); it owns groups and appears in logs.
struct Caller {
  CallerKind kind = CallerKind::kNone;
  CallerRole role = CallerRole::kNone;
  std::string principal;
};

// What accompanies every engine call. Passed by reference and kept by nobody
// beyond the call.
struct Call {
  Caller caller;
  // Wall clock; absl::InfiniteFuture() only inside one process.
  absl::Time deadline = absl::InfiniteFuture();
  const CancellationToken* cancellation = nullptr;  // may be null
  std::string trace_parent;                         // W3C traceparent, or empty
};

}  // namespace cairn
