#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "common/model/lease.h"

// FromProto: InvalidArgument names the field that is out of bounds.
namespace cairn {

inline constexpr size_t kMaxLeaseClaims = 16;
inline constexpr size_t kMaxHolderBytes = 256;

model::v1::LeasePurpose ToProto(LeasePurpose purpose);
// `field` is named when it is unspecified or unknown.
absl::StatusOr<LeasePurpose> LeasePurposeFromProto(
    std::string_view field, model::v1::LeasePurpose purpose);

// Checks the mode and the length of the resource name; what it names is for
// the coordinator to judge.
model::v1::LeaseClaim ToProto(const LeaseClaim& claim);
absl::StatusOr<LeaseClaim> FromProto(const model::v1::LeaseClaim& proto);

model::v1::Lease ToProto(const Lease& lease);
absl::StatusOr<Lease> FromProto(const model::v1::Lease& proto);

}  // namespace cairn
