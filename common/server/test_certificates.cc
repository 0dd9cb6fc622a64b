#include "common/server/test_certificates.h"

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

void Run(const std::string& command) {
  if (std::system(absl::StrCat(command, " 2>/dev/null").c_str()) == 0) return;
  std::fprintf(stderr, "failed: %s\n", command.c_str());
  std::abort();
}

constexpr char kKey[] =
    "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

}  // namespace

TestAuthority::TestAuthority(const std::string& name) {
  Run(absl::StrCat("openssl req -x509 ", kKey, " -days 2 -subj /CN=", name,
                   " -keyout ", directory_.Join("ca.key"), " -out ",
                   ca_file()));
}

TlsFiles TestAuthority::Issue(const std::string& name,
                              const std::string& uri) const {
  const std::string stem = directory_.Join(name);
  std::string names = "DNS:localhost,IP:127.0.0.1";
  if (!uri.empty()) absl::StrAppend(&names, ",URI:", uri);
  Run(absl::StrCat("openssl req ", kKey, " -subj /CN=", name, " -keyout ", stem,
                   ".key -out ", stem, ".csr"));
  Run(absl::StrCat("printf 'subjectAltName=", names, "' > ", stem, ".ext"));
  Run(absl::StrCat("openssl x509 -req -days 2 -in ", stem, ".csr -CA ",
                   ca_file(), " -CAkey ", directory_.Join("ca.key"),
                   " -CAcreateserial -extfile ", stem, ".ext -out ", stem,
                   ".pem"));
  return {.ca = ca_file(),
          .cert = absl::StrCat(stem, ".pem"),
          .key = absl::StrCat(stem, ".key")};
}

}  // namespace cairn
