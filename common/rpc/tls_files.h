#pragma once

#include <string>

#include "absl/status/status.h"

namespace cairn {

// The PEM files of one end of mutual TLS.
struct TlsFiles {
  std::string ca;    // whom to trust: one certificate or more
  std::string cert;  // own certificate, then those between it and a root
  std::string key;   // private key of `cert`

  bool empty() const { return ca.empty() && cert.empty() && key.empty(); }
};

// How often a running process looks for renewed files.
inline constexpr unsigned kTlsReloadSeconds = 60;

// OK if all three files can be read and belong together, so that a server
// does not start with files that no handshake can use.
// InvalidArgument: only some are named. FailedPrecondition: a file cannot be
// read or is no PEM, or the key is not that of the certificate.
absl::Status CheckTlsFiles(const TlsFiles& files);

}  // namespace cairn
