#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "common/model/catalog.h"
#include "services/index/client/catalog_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

// Answers what exists. Each answer is one consistent view. Thread-safe.
class Catalog {
 public:
  // Both outlive the catalog. `max_sessions`: what is refused above it.
  Catalog(IndexStore* store, const DatastoreRegistry* datastores,
          size_t max_sessions)
      : store_(store), datastores_(datastores), max_sessions_(max_sessions) {}

  absl::StatusOr<ListPage<Datastore>> ListDatastores(
      const PageRequest& page) const;
  // Namespaces below query.parent, each before those below it. NotFound: the
  // parent.
  absl::StatusOr<ListPage<Namespace>> ListNamespaces(
      const NamespaceQuery& query, const PageRequest& page) const;
  // By namespace, type, id. NotFound: the parent.
  absl::StatusOr<ListPage<Group>> ListGroups(const GroupQuery& query,
                                             const PageRequest& page) const;
  // Listed ones, by group, then oldest or newest first. NotFound: the
  // namespace; a group without snapshots gives an empty list.
  absl::StatusOr<ListPage<Snapshot>> ListSnapshots(
      const SnapshotQuery& query, const PageRequest& page) const;

  absl::StatusOr<Datastore> GetDatastore(const std::string& name) const;
  absl::StatusOr<CatalogStatistics> GetStatistics(
      const std::string& datastore) const;
  absl::StatusOr<Snapshot> GetSnapshot(const SnapshotName& name) const;

 private:
  IndexStore* const store_;
  const DatastoreRegistry* const datastores_;
  const size_t max_sessions_;
};

}  // namespace cairn::index
