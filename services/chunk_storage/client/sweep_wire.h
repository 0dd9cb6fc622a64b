#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "cairn/chunk_storage/v1/sweep_service.pb.h"
#include "services/chunk_storage/client/sweep_client.h"

// Sweeps and verifies as messages, for both sides of the wire. FromProto:
// hostile input; InvalidArgument names the field.
namespace cairn {

// Damaged records in one message.
inline constexpr size_t kMaxDamagePerMessage = 1000;

chunk_storage::v1::MarkSummary ToProto(const MarkSummary& summary);
absl::StatusOr<MarkSummary> FromProto(
    const chunk_storage::v1::MarkSummary& proto);

chunk_storage::v1::Pack ToProto(const PackInfo& pack);
absl::StatusOr<PackInfo> FromProto(const chunk_storage::v1::Pack& proto);

chunk_storage::v1::SweepPacksRequest ToProto(const SweepPacksRequest& request);
absl::StatusOr<SweepPacksRequest> FromProto(
    const chunk_storage::v1::SweepPacksRequest& proto);
chunk_storage::v1::SweepPacksResponse ToProto(const SweptPacks& swept);
SweptPacks FromProto(const chunk_storage::v1::SweepPacksResponse& proto);

chunk_storage::v1::VerifyPacksRequest ToProto(
    const VerifyPacksRequest& request);
absl::StatusOr<VerifyPacksRequest> FromProto(
    const chunk_storage::v1::VerifyPacksRequest& proto);
// One pack as messages, the last of which names it.
std::vector<chunk_storage::v1::VerifyPacksResponse> ToProtos(
    const VerifiedPack& pack);
chunk_storage::v1::VerifyPacksResponse::Damage ToProto(
    const RecordDamage& damage);
absl::StatusOr<RecordDamage> FromProto(
    std::string_view field,
    const chunk_storage::v1::VerifyPacksResponse::Damage& proto);

}  // namespace cairn
