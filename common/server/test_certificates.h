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

  // The files of a holder with common name `name`, for "localhost" and
  // 127.0.0.1, and with the URI name `uri` if it is not empty.
  TlsFiles Issue(const std::string& name, const std::string& uri = "") const;

  std::string ca_file() const { return directory_.Join("ca.pem"); }

 private:
  const TempDir directory_;
};

}  // namespace cairn
