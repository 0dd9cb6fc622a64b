#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace cairn {

// When the first of the certificates in a PEM file ends. FailedPrecondition:
// the file cannot be read, or has no certificate.
absl::StatusOr<absl::Time> FirstExpiry(const std::string& pem_file);

// When the first certificate of a PEM text ends. FailedPrecondition: it has
// none.
absl::StatusOr<absl::Time> ExpiryOf(std::string_view pem);

}  // namespace cairn
