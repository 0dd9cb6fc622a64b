#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/record.h"

namespace cairn {

// A change that index has checked and numbered. `event` must be durable in
// chunk_storage before CommitChange, so that the packs alone can rebuild the
// catalog.
struct PreparedChange {
  uint64_t sequence = 0;
  DatastoreRef datastore;  // whose metadata packs take the event
  Record event;            // kind kEvent, raw
};

// Exact, of one datastore.
struct CatalogStatistics {
  uint64_t snapshot_count = 0;  // listed
  uint64_t logical_bytes = 0;   // of them, holes included
  uint64_t open_sessions = 0;   // open and not fenced
  // What SessionClient::ListUncancelled names.
  uint64_t uncancelled_sessions = 0;
  uint64_t max_sessions = 0;  // of the two kinds together
  uint64_t trash_count = 0;   // snapshots in trash
  uint64_t trash_bytes = 0;   // of them, holes included
};

// The part of index that answers what exists and changes it. Every change is
// two steps: Prepare → the caller appends the event → Commit. A change that
// was prepared and never committed has an unknown outcome: it is not visible,
// but a rebuild may apply it. Thread-safe.
class CatalogClient {
 public:
  virtual ~CatalogClient() = default;

  virtual absl::StatusOr<ListPage<Datastore>> ListDatastores(
      const Call& call, const PageRequest& page) = 0;
  virtual absl::StatusOr<ListPage<Namespace>> ListNamespaces(
      const Call& call, const NamespaceQuery& query,
      const PageRequest& page) = 0;
  virtual absl::StatusOr<ListPage<Group>> ListGroups(
      const Call& call, const GroupQuery& query, const PageRequest& page) = 0;
  virtual absl::StatusOr<ListPage<Snapshot>> ListSnapshots(
      const Call& call, const SnapshotQuery& query,
      const PageRequest& page) = 0;

  // NotFound: no such datastore.
  virtual absl::StatusOr<Datastore> GetDatastore(const Call& call,
                                                 const std::string& name) = 0;
  // NotFound: no such datastore.
  virtual absl::StatusOr<CatalogStatistics> GetStatistics(
      const Call& call, const std::string& datastore) = 0;
  // NotFound: neither listed nor in trash.
  virtual absl::StatusOr<Snapshot> GetSnapshot(const Call& call,
                                               const SnapshotName& name) = 0;

  // Checks `change` against the catalog and numbers it. NotFound,
  // AlreadyExists, FailedPrecondition (NOT_EMPTY), InvalidArgument. A
  // CreateDatastore with the UUID it already has is prepared again, and gives
  // the same record: so the event of "default", which index made without one
  // at its first start, is written by whoever makes it known to
  // chunk_storage. A RefusedPublish ends its session before the answer
  // (FailedPrecondition SESSION_ENDED: it is published); with a manifest of
  // zero it is about what the session has prepared (NotFound: nothing). A
  // ForgetSnapshots is FailedPrecondition (SNAPSHOT_PROTECTED) if one of its
  // snapshots is protected, and passes over what is not listed; an
  // UndeleteSnapshots is NotFound (SNAPSHOT_GONE) if one is neither listed nor
  // in trash; the protection of a snapshot in trash is FailedPrecondition.
  virtual absl::StatusOr<PreparedChange> PrepareChange(
      const Call& call, const CatalogChange& change) = 0;
  // Checks again and applies in one synced batch. Idempotent per sequence. A
  // field that a change with a higher number has set keeps that value; one
  // that is protected is not forgotten, whichever number is higher.
  // InvalidArgument: the number was never handed out. Aborted: overtaken by
  // the deletion of a namespace; prepare it again.
  virtual absl::Status CommitChange(const Call& call,
                                    const CatalogChange& change,
                                    uint64_t sequence) = 0;
};

}  // namespace cairn
