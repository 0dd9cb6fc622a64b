#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/model/record.h"

namespace cairn {

// The plain bytes of a record, proved against its key. DataLoss: they do not
// decode, or are others. FailedPrecondition: encrypted; only a key opens it.
absl::StatusOr<std::string> DecodeRecord(const Record& record);

}  // namespace cairn
