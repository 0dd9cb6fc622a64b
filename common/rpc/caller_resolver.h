#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/model/call.h"

namespace grpc {
class ServerContextBase;
}  // namespace grpc

namespace cairn {

// What a connection says about its peer, as gRPC hands it on.
struct PeerFacts {
  std::string address;        // "ipv4:127.0.0.1:40000", "fd:12", ...
  std::string security_type;  // "tls", "ssl", "insecure"
  bool authenticated = false;
  std::string common_name;             // of the certificate; empty if none
  std::vector<std::string> uri_names;  // of the certificate
  // The certificate is, and no handshake has looked at it.
  bool expired = false;
};

// The callers behind the unix sockets' file descriptors. gRPC knows such a
// connection as "fd:N" only. A number is given to a new connection by the
// kernel only after gRPC has closed the old one, and gRPC closes it after the
// last call on it has ended; so an entry is replaced, never removed, and the
// table is bounded by the limit of open files. Thread-safe.
class UnixCallers {
 public:
  // Before `fd` is handed to gRPC.
  void Remember(int fd, Caller caller);
  // A caller of kind kNone if `fd` was never remembered.
  Caller Find(int fd) const;

 private:
  mutable absl::Mutex mutex_;
  absl::flat_hash_map<int, Caller> callers_ ABSL_GUARDED_BY(mutex_);
};

// The caller at the other end of a unix socket: the server's own user and
// root are administrators ("root@unix"), the users in `allowed_uids` are
// clients, all others are nobody.
Caller CallerFromUid(uid_t uid, uid_t own_uid,
                     const std::vector<uint32_t>& allowed_uids);

// The caller behind any other connection:
//   mutual TLS, one URI name
//     spiffe://cairn/service/NAME      that service  "NAME@service"
//     spiffe://cairn/ROLE/NAME         that role     "NAME@tls"
//   mutual TLS, no URI name,
//     common name NAME                 backup        "NAME@tls"
//   plaintext from 127.0.0.0/8 or ::1  admin         "loopback"
// A service's NAME is ingest, index, chunk_storage or maintenance; ROLE is
// reader, backup (or client, another word for it), operator or admin. Another
// NAME is 1..64 characters of [A-Za-z0-9._-] and starts with a letter or a
// digit. Whatever else is nobody: kind kNone; so is who resumes a TLS session
// that was begun before its certificate ended.
Caller CallerFromPeer(const PeerFacts& peer);

// What a connection says of the calls on it.
struct Connection {
  Caller caller;  // of kind kNone where nobody could be made out
  // Nobody but its two ends can read it: a call may show a bearer token.
  bool carries_tokens = false;
};

// As CallerFromPeer. Tokens are carried by TLS, with a certificate of the
// client or without, and by plaintext within this machine.
Connection ConnectionFromPeer(const PeerFacts& peer);

// Finds the caller of a call. Thread-safe.
class CallerResolver {
 public:
  // `unix_callers` outlives the resolver.
  explicit CallerResolver(const UnixCallers* unix_callers)
      : unix_callers_(unix_callers) {}

  Connection Resolve(const grpc::ServerContextBase& context) const;

 private:
  bool IsExpired(const std::string& certificate) const;

  const UnixCallers* const unix_callers_;
  mutable absl::Mutex mutex_;
  // Of certificates that were shown, PEM; emptied when there are too many.
  mutable absl::flat_hash_map<std::string, absl::Time> ends_
      ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
