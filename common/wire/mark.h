#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "cairn/model/v1/mark.pb.h"
#include "common/model/mark.h"

// Marks as messages. FromProto: InvalidArgument names the field that is out of
// bounds; that runs follow each other in order is for the receiver to check.
namespace cairn {

model::v1::MarkRun ToProto(const MarkRun& run);
absl::StatusOr<MarkRun> FromProto(std::string_view field,
                                  const model::v1::MarkRun& proto);

}  // namespace cairn
