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

TlsFiles TestAuthority::Issue(const std::string& name, const std::string& uri,
                              Validity validity) const {
  std::string names = "DNS:localhost,IP:127.0.0.1";
  if (!uri.empty()) absl::StrAppend(&names, ",URI:", uri);
  return Sign(name, names, validity);
}

TlsFiles TestAuthority::IssueForUri(const std::string& name,
                                    const std::string& uri) const {
  return Sign(name, absl::StrCat("DNS:elsewhere.example,URI:", uri),
              Validity::kNow);
}

TlsFiles TestAuthority::Sign(const std::string& name, const std::string& names,
                             Validity validity) const {
  const std::string stem = directory_.Join(name);
  Run(absl::StrCat("openssl req ", kKey, " -subj /CN=", name, " -keyout ", stem,
                   ".key -out ", stem, ".csr"));
  Run(absl::StrCat("printf 'subjectAltName=", names, "' > ", stem, ".ext"));
  if (validity == Validity::kNow) {
    Run(absl::StrCat("openssl x509 -req -days 2 -in ", stem, ".csr -CA ",
                     ca_file(), " -CAkey ", directory_.Join("ca.key"),
                     " -CAcreateserial -extfile ", stem, ".ext -out ", stem,
                     ".pem"));
  } else {
    // Only `openssl ca` takes times, and only with a database.
    Run(absl::StrCat("printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=", stem,
                     ".db\\nnew_certs_dir=", directory_.path(),
                     "\\ndefault_md=sha256\\nrand_serial=yes\\npolicy=p\\n[p]"
                     "\\ncommonName=supplied\\n' > ",
                     stem, ".cnf && : > ", stem, ".db"));
    Run(absl::StrCat(
        "openssl ca -batch -notext -config ", stem, ".cnf -cert ", ca_file(),
        " -keyfile ", directory_.Join("ca.key"), " -in ", stem,
        ".csr -extfile ", stem, ".ext ",
        validity == Validity::kExpired
            ? "-startdate 20200101000000Z -enddate 20200102000000Z"
            : "-startdate 21000101000000Z -enddate 21000102000000Z",
        " -out ", stem, ".pem"));
  }
  return {.ca = ca_file(),
          .cert = absl::StrCat(stem, ".pem"),
          .key = absl::StrCat(stem, ".key")};
}

}  // namespace cairn
