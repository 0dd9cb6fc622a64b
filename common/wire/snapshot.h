#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cairn/model/v1/model.pb.h"
#include "common/model/catalog.h"
#include "common/model/names.h"

// FromProto: InvalidArgument names the field that is out of bounds.
namespace cairn {

model::v1::Namespace ToProto(const Namespace& item);
absl::StatusOr<Namespace> FromProto(const model::v1::Namespace& proto);

model::v1::Group ToProto(const Group& group);
absl::StatusOr<Group> FromProto(const model::v1::Group& proto);

model::v1::Snapshot ToProto(const Snapshot& snapshot);
// `size_bytes` follows from the archives and is not read.
absl::StatusOr<Snapshot> FromProto(const model::v1::Snapshot& proto);

// What a verify has found. At most kMaxDamagedRanges.
model::v1::DamagedRange ToProto(const DamagedRange& range);
absl::StatusOr<std::vector<DamagedRange>> DamageFromProto(
    std::string_view field,
    const google::protobuf::RepeatedPtrField<model::v1::DamagedRange>& protos);

model::v1::VerifyState ToProto(VerifyState state);
absl::StatusOr<VerifyState> VerifyStateFromProto(std::string_view field,
                                                 model::v1::VerifyState state);

// Names of snapshots, 1..`most`, each at most once.
absl::StatusOr<std::vector<SnapshotName>> SnapshotNamesFromProto(
    std::string_view field,
    const google::protobuf::RepeatedPtrField<std::string>& names, size_t most);

}  // namespace cairn
