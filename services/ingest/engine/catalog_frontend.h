#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/lease.h"
#include "common/time/clock.h"
#include "services/ingest/engine/peers.h"
#include "services/maintenance/client/catalog_changes.h"

namespace cairn::ingest {

// What exists and who holds it, for users. Reads come from index, changes go
// through CatalogChanges. A client sees and changes its own groups and
// snapshots only; who may call what at all is decided before. A page of a
// list that was thinned out this way may be short or empty and still have a
// next one. Thread-safe.
class CatalogFrontend {
 public:
  struct Options {
    // How long what is forgotten can be taken back, unless the call says.
    absl::Duration trash_time = absl::Hours(24 * 7);
  };
  // All outlive the frontend.
  CatalogFrontend(const Options& options, const Peers& peers,
                  const Clock* clock, CatalogChanges* changes)
      : options_(options), peers_(peers), clock_(clock), changes_(changes) {}

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

  // What a client may be made to forget it can take back for as long as the
  // server says, or longer: only an administrator shortens that.
  struct ForgetRequest {
    std::string datastore;
    std::vector<SnapshotName> names;           // 1..kMaxSnapshotsPerChange
    std::optional<absl::Duration> trash_time;  // unset: the server's
  };
  // Returns until when at least what was listed can be taken back; what was
  // in trash keeps the time that it had. Errors as
  // CatalogClient::PrepareChange.
  absl::StatusOr<absl::Time> ForgetSnapshots(const Call& call,
                                             const ForgetRequest& request);
  absl::Status UndeleteSnapshots(const Call& call,
                                 const UndeleteSnapshotsChange& change);

  absl::StatusOr<ListPage<Lease>> ListLeases(const Call& call,
                                             const std::string& datastore,
                                             const PageRequest& page);

 private:
  absl::Status CheckOwners(const Call& call,
                           const std::vector<SnapshotName>& names);
  absl::StatusOr<Group> FindGroup(const Call& call, const GroupName& name);
  absl::StatusOr<Namespace> FindNamespace(const Call& call,
                                          const NamespaceName& name);

  const Options options_;
  const Peers peers_;
  const Clock* const clock_;
  CatalogChanges* const changes_;
};

}  // namespace cairn::ingest
