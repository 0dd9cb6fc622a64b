#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/token_service.pb.h"
#include "common/model/call.h"
#include "common/token/token_table.h"

// FromProto: InvalidArgument names the field that is out of bounds.
namespace cairn {

// Unspecified for what is no role of people.
maintenance::v1::TokenRole ToProto(CallerRole role);
// `field` is named when it is unspecified or unknown.
absl::StatusOr<CallerRole> TokenRoleFromProto(std::string_view field,
                                              maintenance::v1::TokenRole role);

maintenance::v1::TokenEntry ToProto(const TokenEntry& entry);
absl::StatusOr<TokenEntry> FromProto(const maintenance::v1::TokenEntry& proto);

}  // namespace cairn
