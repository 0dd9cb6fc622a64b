#pragma once

#include "absl/status/statusor.h"
#include "cairn/ingest/v1/catalog_service.pb.h"
#include "common/model/catalog.h"
#include "services/ingest/engine/catalog_frontend.h"

namespace cairn::ingest {

// Requests of CatalogService as the engine takes them. InvalidArgument names
// the field that is out of bounds.
absl::StatusOr<CreateDatastoreChange> ReadChange(
    const v1::CreateDatastoreRequest& request);
absl::StatusOr<CreateNamespaceChange> ReadChange(
    const v1::CreateNamespaceRequest& request);
absl::StatusOr<DeleteNamespaceChange> ReadChange(
    const v1::DeleteNamespaceRequest& request);
absl::StatusOr<UpdateGroupChange> ReadChange(
    const v1::UpdateGroupRequest& request);
absl::StatusOr<UpdateSnapshotChange> ReadChange(
    const v1::UpdateSnapshotRequest& request);
absl::StatusOr<CatalogFrontend::ForgetRequest> ReadChange(
    const v1::ForgetSnapshotsRequest& request);
absl::StatusOr<UndeleteSnapshotsChange> ReadChange(
    const v1::UndeleteSnapshotsRequest& request);

absl::StatusOr<NamespaceQuery> ReadQuery(
    const v1::ListNamespacesRequest& request);
absl::StatusOr<GroupQuery> ReadQuery(const v1::ListGroupsRequest& request);
absl::StatusOr<SnapshotQuery> ReadQuery(
    const v1::ListSnapshotsRequest& request);

template <typename Request>
PageRequest ReadPage(const Request& request) {
  return {.page_size = request.page_size(), .page_token = request.page_token()};
}

}  // namespace cairn::ingest
