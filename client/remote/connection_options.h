#pragma once

#include <string>

namespace cairn::client {

class RateLimiter;

// Which server, and how to prove who is asking.
struct ConnectionOptions {
  std::string server;       // "unix:/path", "host:port"
  std::string tls_ca_file;  // PEM files: all three or none
  std::string tls_cert_file;
  std::string tls_key_file;
  // Holds back the streams that carry contents; outlives the remotes. Null:
  // none are.
  RateLimiter* limiter = nullptr;
};

}  // namespace cairn::client
