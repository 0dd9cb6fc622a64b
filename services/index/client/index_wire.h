#pragma once

#include "absl/status/statusor.h"
#include "cairn/index/v1/index_service.pb.h"
#include "common/model/catalog.h"
#include "common/model/session.h"
#include "services/index/client/fence_client.h"
#include "services/index/client/session_client.h"

// Messages of cairn.index.v1 to and from values, for the service and for its
// client. FromProto: InvalidArgument names the field that is out of bounds.
namespace cairn::index {

inline constexpr size_t kMaxWirePages = 64;

v1::CatalogChange ToProto(const CatalogChange& change);
absl::StatusOr<CatalogChange> FromProto(const v1::CatalogChange& proto);

v1::Checkpoint ToProto(const ArchiveCheckpoint& checkpoint);
absl::StatusOr<ArchiveCheckpoint> FromProto(const v1::Checkpoint& proto);

v1::SessionRow ToProto(const Session& session);
absl::StatusOr<Session> FromProto(const v1::SessionRow& proto);

v1::OpenSessionRequest ToProto(const NewSession& request);
absl::StatusOr<NewSession> FromProto(const v1::OpenSessionRequest& proto);

v1::ListGroupsRequest ToProto(const GroupQuery& query, const PageRequest& page);
absl::StatusOr<GroupQuery> FromProto(const v1::ListGroupsRequest& proto);

v1::ListSnapshotsRequest ToProto(const SnapshotQuery& query,
                                 const PageRequest& page);
absl::StatusOr<SnapshotQuery> FromProto(const v1::ListSnapshotsRequest& proto);

// Pages travel as their encodings; id and level follow from them, but are
// not proved: the encoding may be no page at all.
absl::StatusOr<std::vector<EncodedPage>> FromProto(
    const v1::PutPagesRequest& proto);

absl::StatusOr<std::vector<Digest>> FromProto(const v1::GetPagesRequest& proto);

v1::FenceState ToProto(const FenceState& state);
FenceState FromProto(const v1::FenceState& proto);

}  // namespace cairn::index
