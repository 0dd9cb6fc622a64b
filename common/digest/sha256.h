#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "common/model/digest.h"

// SHA-256 by OpenSSL, which uses the SHA instructions of the processor.
namespace cairn {

Digest Sha256(std::string_view bytes);

// Of the pieces one after another.
Digest Sha256(std::span<const std::string_view> pieces);

// Hashes bytes that come piece by piece. Not thread-safe; movable.
class Sha256Hasher {
 public:
  Sha256Hasher();
  ~Sha256Hasher();
  Sha256Hasher(Sha256Hasher&&) noexcept;
  Sha256Hasher& operator=(Sha256Hasher&&) noexcept;

  void Update(std::string_view bytes);
  // The digest of all bytes since construction or the last Finish. The next
  // Update starts anew.
  Digest Finish();

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

}  // namespace cairn
