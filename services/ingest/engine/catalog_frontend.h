#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/lease.h"
#include "common/time/clock.h"
#include "services/ingest/engine/catalog_changes.h"
#include "services/ingest/engine/peers.h"

namespace cairn::ingest {

// What exists and who holds it, for users. Reads come from index, changes go
// through CatalogChanges. A client sees and changes its own groups and
// snapshots only; who may call what at all is decided before. A page of a
// list that was thinned out this way may be short or empty and still have a
// next one. Thread-safe.
class CatalogFrontend {
 public:
  // All outlive the frontend.
  CatalogFrontend(const Peers& peers, const Clock* clock,
                  CatalogChanges* changes)
      : peers_(peers), clock_(clock), changes_(changes) {}

  absl::StatusOr<ListPage<Datastore>> ListDatastores(const Call& call,
                                                     const PageRequest& page);
  absl::StatusOr<Datastore> CreateDatastore(
      const Call& call, const CreateDatastoreChange& change);

  absl::StatusOr<ListPage<Namespace>> ListNamespaces(
      const Call& call, const NamespaceQuery& query, const PageRequest& page);
  absl::StatusOr<Namespace> CreateNamespace(
      const Call& call, const CreateNamespaceChange& change);
  absl::Status DeleteNamespace(const Call& call,
                               const DeleteNamespaceChange& change);

  absl::StatusOr<ListPage<Group>> ListGroups(const Call& call,
                                             const GroupQuery& query,
                                             const PageRequest& page);
  // A client changes the notes of its groups; the owner only an
  // administrator.
  absl::StatusOr<Group> UpdateGroup(const Call& call,
                                    const UpdateGroupChange& change);

  absl::StatusOr<ListPage<Snapshot>> ListSnapshots(const Call& call,
                                                   const SnapshotQuery& query,
                                                   const PageRequest& page);
  absl::StatusOr<Snapshot> GetSnapshot(const Call& call,
                                       const SnapshotName& name);
  absl::StatusOr<Snapshot> UpdateSnapshot(const Call& call,
                                          const UpdateSnapshotChange& change);

  absl::StatusOr<ListPage<Lease>> ListLeases(const Call& call,
                                             const std::string& datastore,
                                             const PageRequest& page);

 private:
  absl::StatusOr<Group> FindGroup(const Call& call, const GroupName& name);
  absl::StatusOr<Namespace> FindNamespace(const Call& call,
                                          const NamespaceName& name);

  const Peers peers_;
  const Clock* const clock_;
  CatalogChanges* const changes_;
};

}  // namespace cairn::ingest
