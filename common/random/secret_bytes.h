#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace cairn {

// Bytes for keys, tokens and nonces: from the kernel's generator, which waits
// until it is seeded. 1..256 bytes. Internal: the kernel gives none.
absl::StatusOr<std::string> SecretBytes(size_t count);

// What takes it by injection.
using SecretSource = std::function<absl::StatusOr<std::string>(size_t count)>;

}  // namespace cairn
