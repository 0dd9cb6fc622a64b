#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace cairn {

// Where a server listens or a client connects, and how.
struct Endpoint {
  enum class Kind { kUnix, kPlaintext, kTls };
  Kind kind = Kind::kUnix;
  std::string path;   // kUnix
  std::string host;   // else; an IPv6 address without brackets
  uint16_t port = 0;  // 0: the kernel chooses (servers only)

  // "host:port" or "[v6]:port", "unix:path".
  std::string Address() const;
};

// Reads
//   unix:PATH            a unix socket; PATH is absolute, 1..107 bytes
//   HOST:PORT            TLS if `has_tls_files`, else plaintext
//   tls:HOST:PORT        TLS
//   plaintext:HOST:PORT  plaintext
// Plaintext is allowed on loopback only: 127.0.0.0/8, [::1], and localhost,
// which is read as 127.0.0.1. InvalidArgument says what is allowed.
absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text,
                                       bool has_tls_files);

// Whether `host` is 127.0.0.0/8 or ::1 in numbers.
bool IsLoopbackAddress(std::string_view host);

}  // namespace cairn
