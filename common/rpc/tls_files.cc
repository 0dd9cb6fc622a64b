#include "common/rpc/tls_files.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>

#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

// The last error of OpenSSL on this thread, for people; empties its queue.
std::string OpenSslError() {
  std::array<char, 256> text = {"unknown"};
  if (const unsigned long code = ERR_peek_last_error(); code != 0) {
    ERR_error_string_n(code, text.data(), text.size());
  }
  ERR_clear_error();
  return text.data();
}

absl::Status FileError(const char* setting, const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(setting, " ", path, ": ", OpenSslError()));
}

// Loads those that are named.
absl::Status TryTlsFiles(const TlsFiles& files) {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
      SSL_CTX_new(TLS_method()), &SSL_CTX_free);
  if (context == nullptr) {
    return absl::InternalError(absl::StrCat("TLS: ", OpenSslError()));
  }
  if (SSL_CTX_load_verify_file(context.get(), files.ca.c_str()) != 1) {
    return FileError("tls-ca-file", files.ca);
  }
  if (files.cert.empty()) return absl::OkStatus();
  if (SSL_CTX_use_certificate_chain_file(context.get(), files.cert.c_str()) !=
      1) {
    return FileError("tls-cert-file", files.cert);
  }
  // OpenSSL compares the key with the certificate that it has already.
  if (SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(),
                                  SSL_FILETYPE_PEM) != 1) {
    return FileError("tls-key-file", files.key);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckTlsFiles(const TlsFiles& files) {
  if (files.ca.empty() || files.cert.empty() || files.key.empty()) {
    return absl::InvalidArgumentError(
        "tls-ca-file, tls-cert-file and tls-key-file must be set together");
  }
  return TryTlsFiles(files);
}

absl::Status CheckClientTlsFiles(const TlsFiles& files) {
  if (files.ca.empty() || files.cert.empty() != files.key.empty()) {
    return absl::InvalidArgumentError(
        "tls-ca-file must be set for TLS, and tls-cert-file and tls-key-file "
        "together or not at all");
  }
  return TryTlsFiles(files);
}

}  // namespace cairn
