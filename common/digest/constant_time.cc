#include "common/digest/constant_time.h"

#include <openssl/crypto.h>

namespace cairn {

bool EqualInConstantTime(const Digest& a, const Digest& b) {
  return CRYPTO_memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

}  // namespace cairn
