#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/ingest/v1/catalog_service.pb.h"
#include "cairn/ingest/v1/restore_service.pb.h"
#include "client/remote/read_stream.h"

namespace cairn::client {

// The catalog's calls and the reads of a restore, each one attempt with a
// deadline. Statuses carry the server's reason.
class CatalogRemote {
 public:
  virtual ~CatalogRemote() = default;

  virtual absl::StatusOr<ingest::v1::ListDatastoresResponse> ListDatastores(
      const ingest::v1::ListDatastoresRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::CreateDatastoreResponse> CreateDatastore(
      const ingest::v1::CreateDatastoreRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::ListNamespacesResponse> ListNamespaces(
      const ingest::v1::ListNamespacesRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::CreateNamespaceResponse> CreateNamespace(
      const ingest::v1::CreateNamespaceRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::DeleteNamespaceResponse> DeleteNamespace(
      const ingest::v1::DeleteNamespaceRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::ListGroupsResponse> ListGroups(
      const ingest::v1::ListGroupsRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::ListSnapshotsResponse> ListSnapshots(
      const ingest::v1::ListSnapshotsRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::GetSnapshotResponse> GetSnapshot(
      const ingest::v1::GetSnapshotRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::UpdateSnapshotResponse> UpdateSnapshot(
      const ingest::v1::UpdateSnapshotRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::ForgetSnapshotsResponse> ForgetSnapshots(
      const ingest::v1::ForgetSnapshotsRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::UndeleteSnapshotsResponse>
  UndeleteSnapshots(const ingest::v1::UndeleteSnapshotsRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::ListLeasesResponse> ListLeases(
      const ingest::v1::ListLeasesRequest& request) = 0;
  virtual absl::StatusOr<ingest::v1::GetStatusResponse> GetStatus(
      const ingest::v1::GetStatusRequest& request) = 0;
  virtual std::unique_ptr<ReadStream> StartRead(
      const ingest::v1::ReadArchiveRequest& request) = 0;
  virtual std::unique_ptr<ChunkReadStream> StartReadChunks(
      const ingest::v1::ReadChunksRequest& request) = 0;
  virtual std::unique_ptr<DiffStream> StartDiff(
      const ingest::v1::DiffArchivesRequest& request) = 0;
};

}  // namespace cairn::client
