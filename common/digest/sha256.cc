#include "common/digest/sha256.h"

#include <openssl/evp.h>

#include <cstdio>
#include <cstdlib>

namespace cairn {
namespace {

// SHA-256 cannot fail on any input; what can is the allocation of a context
// or a broken installation of OpenSSL.
void Require(bool ok) {
  if (ok) return;
  std::fputs("sha-256 is not available in this OpenSSL\n", stderr);
  std::abort();
}

// Fetched once: a lookup per digest costs as much as hashing 1 KiB.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm =
      EVP_MD_fetch(nullptr, "SHA2-256", nullptr);
  Require(algorithm != nullptr);
  return algorithm;
}

}  // namespace

struct Sha256Hasher::Context {
  Context() : context(EVP_MD_CTX_new()) {
    Require(context != nullptr);
    Start();
  }
  ~Context() { EVP_MD_CTX_free(context); }
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  void Start() {
    Require(EVP_DigestInit_ex2(context, Algorithm(), nullptr) == 1);
  }

  EVP_MD_CTX* const context;
};

Sha256Hasher::Sha256Hasher() : context_(std::make_unique<Context>()) {}
Sha256Hasher::~Sha256Hasher() = default;
Sha256Hasher::Sha256Hasher(Sha256Hasher&&) noexcept = default;
Sha256Hasher& Sha256Hasher::operator=(Sha256Hasher&&) noexcept = default;

void Sha256Hasher::Update(std::string_view bytes) {
  Require(EVP_DigestUpdate(context_->context, bytes.data(), bytes.size()) == 1);
}

Digest Sha256Hasher::Finish() {
  Digest digest;
  unsigned int length = 0;
  Require(EVP_DigestFinal_ex(context_->context, digest.bytes.data(), &length) ==
              1 &&
          length == digest.bytes.size());
  context_->Start();
  return digest;
}

Digest Sha256(std::string_view bytes) {
  return Sha256(std::span<const std::string_view>(&bytes, 1));
}

Digest Sha256(std::span<const std::string_view> pieces) {
  thread_local Sha256Hasher hasher;
  for (const std::string_view piece : pieces) hasher.Update(piece);
  return hasher.Finish();
}

}  // namespace cairn
