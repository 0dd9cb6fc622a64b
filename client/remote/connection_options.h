#pragma once

#include <string>

namespace cairn::client {

class RateLimiter;

// Which server, and how to prove who is asking.
struct ConnectionOptions {
  std::string server;       // "unix:/path", "host:port"
  std::string tls_ca_file;  // PEM files: none, the authority's, or all three
  std::string tls_cert_file;
  std::string tls_key_file;
  std::string bearer_token;  // secret, shown with every call; empty: none
  // Holds back the streams that carry contents; outlives the remotes. Null:
  // none are.
  RateLimiter* limiter = nullptr;
  // The request that the calls are steps of, as W3C traceparent. Empty: each
  // is one of its own.
  std::string trace_parent = {};
};

}  // namespace cairn::client
