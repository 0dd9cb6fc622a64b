#include "common/rpc/certificate_expiry.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <ctime>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

// A file that somebody has put in the place of certificates.
constexpr int kMaxCertificates = 10000;

// Of the next certificate in `text`; none: there is no other.
std::optional<absl::Time> NextExpiry(BIO* text) {
  const Certificate certificate(
      PEM_read_bio_X509(text, nullptr, nullptr, nullptr));
  if (certificate == nullptr) return std::nullopt;
  std::tm end = {};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return std::nullopt;
  }
  return absl::FromTM(end, absl::UTCTimeZone());
}

}  // namespace

absl::StatusOr<absl::Time> FirstExpiry(const std::string& pem_file) {
  const std::unique_ptr<BIO, FreeBio> file(BIO_new_file(pem_file.c_str(), "r"));
  absl::Time first = absl::InfiniteFuture();
  for (int i = 0; file != nullptr && i < kMaxCertificates; ++i) {
    const std::optional<absl::Time> end = NextExpiry(file.get());
    if (!end.has_value()) break;
    first = std::min(first, *end);
  }
  ERR_clear_error();
  if (first == absl::InfiniteFuture()) {
    return absl::FailedPreconditionError(
        absl::StrCat("file ", pem_file, " has no certificate"));
  }
  return first;
}

absl::StatusOr<absl::Time> ExpiryOf(std::string_view pem) {
  const std::unique_ptr<BIO, FreeBio> text(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::optional<absl::Time> end =
      text == nullptr ? std::nullopt : NextExpiry(text.get());
  ERR_clear_error();
  if (!end.has_value()) {
    return absl::FailedPreconditionError("the text has no certificate");
  }
  return *end;
}

}  // namespace cairn
