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
  kToken = 5,     // a bearer token, over any of the three before
};

// What a caller may be, decided at the edge before any handler. One role each;
// the authorization tables say which methods it may call.
enum class CallerRole : uint8_t {
  kNone = 0,
  // Of people and their tools, each within its scope:
  kReader = 1,    // lists and restores, whoever owns it
  kBackup = 2,    // backs up and restores its own groups; deletes nothing
  kOperator = 3,  // every group: restore, forget, undelete, tasks, jobs
  kAdmin = 4,     // everything; also datastores and tokens
  // Of the services of the suite, to each other:
  kIngest = 5,
  kIndex = 6,
  kChunkStorage = 7,
  kMaintenance = 8,
};
inline constexpr int kCallerRoles = 9;

inline constexpr bool IsServiceRole(CallerRole role) {
  return role >= CallerRole::kIngest;
}

// Who makes a call. `principal` is printable and stable ("root@unix",
// "web1@tls", "ingest@service"); it owns groups and appears in logs.
struct Caller {
  CallerKind kind = CallerKind::kNone;
  CallerRole role = CallerRole::kNone;
  std::string principal;
  // The resource name of a datastore or namespace: the caller may name nothing
  // but what is it or lies below it. Empty: no limit.
  std::string scope = {};
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
