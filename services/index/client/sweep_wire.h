#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cairn/index/v1/sweep_service.pb.h"
#include "common/model/mark.h"
#include "services/index/client/sweep_client.h"

// The messages of SweepService. FromProto: InvalidArgument names the field
// that is out of bounds.
namespace cairn::index {

v1::BeginSweepResponse ToProto(const IndexSweep& sweep);
absl::StatusOr<IndexSweep> FromProto(const v1::BeginSweepResponse& proto);

v1::Scope ToProto(const SnapshotScope& scope);
absl::StatusOr<SnapshotScope> FromProto(const v1::Scope& proto);

v1::MarkProgress ToProto(const MarkProgress& progress);
MarkProgress FromProto(const v1::MarkProgress& proto);

v1::DropPagesResponse ToProto(const DroppedPages& dropped);
DroppedPages FromProto(const v1::DropPagesResponse& proto);

v1::EndSweepResponse ToProto(const EndedSweep& ended);
EndedSweep FromProto(const v1::EndSweepResponse& proto);

v1::FindReferencesResponse ToProto(const DamagedSnapshot& damaged);
absl::StatusOr<DamagedSnapshot> FromProto(
    const v1::FindReferencesResponse& proto);

v1::SaveVerificationsRequest::Verification ToProto(
    const SnapshotVerification& one);
absl::StatusOr<SnapshotVerification> FromProto(
    const v1::SaveVerificationsRequest::Verification& proto);

}  // namespace cairn::index
