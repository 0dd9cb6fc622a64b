#pragma once

#include <string>

#include "common/rpc/tls_files.h"
#include "common/testing/temp_dir.h"

namespace cairn {

// A certificate authority and what it signs, made by the openssl program when
// the test runs, so that nothing in the tree expires. Aborts the test where
// openssl fails.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name);

  // Whether a certificate is good now; those that are not never will be.
  enum class Validity { kNow, kExpired, kNotYet };

  // The files of a holder with common name `name`, for "localhost" and
  // 127.0.0.1, and with the URI name `uri` if it is not empty.
  TlsFiles Issue(const std::string& name, const std::string& uri = "",
                 Validity validity = Validity::kNow) const;

  // The same for a server of another address, with the URI name alone.
  TlsFiles IssueForUri(const std::string& name, const std::string& uri) const;

  std::string ca_file() const { return directory_.Join("ca.pem"); }

 private:
  TlsFiles Sign(const std::string& name, const std::string& names,
                Validity validity) const;

  const TempDir directory_;
};

}  // namespace cairn
