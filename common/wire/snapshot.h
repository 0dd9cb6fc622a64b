#pragma once

#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "common/model/catalog.h"

// FromProto: InvalidArgument names the field that is out of bounds.
namespace cairn {

model::v1::Namespace ToProto(const Namespace& item);
absl::StatusOr<Namespace> FromProto(const model::v1::Namespace& proto);

model::v1::Group ToProto(const Group& group);
absl::StatusOr<Group> FromProto(const model::v1::Group& proto);

model::v1::Snapshot ToProto(const Snapshot& snapshot);
// `size_bytes` follows from the archives and is not read.
absl::StatusOr<Snapshot> FromProto(const model::v1::Snapshot& proto);

}  // namespace cairn
