#pragma once

#include <string>

#include "absl/status/status.h"

namespace cairn {

// The PEM files of one end of TLS.
struct TlsFiles {
  std::string ca;    // whom to trust: one certificate or more
  std::string cert;  // own certificate, then those between it and a root
  std::string key;   // private key of `cert`

  bool empty() const { return ca.empty() && cert.empty() && key.empty(); }
};

// How often a running process looks for renewed files. Three small files; and
// if it comes between the writing of a certificate and that of its key, which
// no handshake can use, it is soon over.
inline constexpr unsigned kTlsReloadSeconds = 1;

// OK if all three files can be read and belong together, so that a server
// does not start with files that no handshake can use.
// InvalidArgument: only some are named. FailedPrecondition: a file cannot be
// read or is no PEM, or the key is not that of the certificate.
absl::Status CheckTlsFiles(const TlsFiles& files);
// The same of the files of a client, which may have no certificate of its own:
// then `ca` alone is named.
absl::Status CheckClientTlsFiles(const TlsFiles& files);

}  // namespace cairn
