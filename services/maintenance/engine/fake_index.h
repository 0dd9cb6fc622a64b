#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/model/session.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"

namespace cairn::maintenance {

// Index in memory, as far as maintenance sees it: datastores, snapshots that
// are listed or in trash, and the fence, by the rules of the real one.
// Changes of the catalog are made by the methods of the fake itself.
// Thread-safe.
class FakeIndex final : public CatalogClient, public FenceClient {
 public:
  // Runs before each call of an interface, with the method's name, on the
  // caller's thread and without a lock. May call anything.
  void SetHook(std::function<void(std::string_view method)> hook);
  // Interface calls fail with this until it is OK again.
  void FailWith(absl::Status error);

  void AddDatastore(const std::string& name, const DatastoreRef& ref);
  // `name`: a snapshot's resource name.
  void AddSnapshot(const std::string& name);
  // In the place of the one of this name. Gone ones are seen by snapshots()
  // alone.
  void PutSnapshot(const Snapshot& snapshot);
  void RemoveSnapshot(const std::string& name);
  std::vector<Snapshot> snapshots() const;
  // What a session of that epoch meets at its open and at its publish.
  absl::Status OpenSession(const SessionRef& session);
  absl::Status Publish(const SessionRef& session);
  FenceState fence(const DatastoreRef& ref) const;
  void SetFence(const DatastoreRef& ref, const FenceState& state);
  // Loses all, as an index whose RocksDB was lost.
  void Forget();

  absl::StatusOr<ListPage<Datastore>> ListDatastores(
      const Call& call, const PageRequest& page) override;
  absl::StatusOr<ListPage<Namespace>> ListNamespaces(
      const Call& call, const NamespaceQuery& query,
      const PageRequest& page) override;
  absl::StatusOr<ListPage<Group>> ListGroups(const Call& call,
                                             const GroupQuery& query,
                                             const PageRequest& page) override;
  absl::StatusOr<ListPage<Snapshot>> ListSnapshots(
      const Call& call, const SnapshotQuery& query,
      const PageRequest& page) override;
  absl::StatusOr<Datastore> GetDatastore(const Call& call,
                                         const std::string& name) override;
  absl::StatusOr<Snapshot> GetSnapshot(const Call& call,
                                       const SnapshotName& name) override;
  absl::StatusOr<CatalogStatistics> GetStatistics(
      const Call& call, const std::string& datastore) override;
  absl::StatusOr<PreparedChange> PrepareChange(
      const Call& call, const CatalogChange& change) override;
  absl::Status CommitChange(const Call& call, const CatalogChange& change,
                            uint64_t sequence) override;
  absl::StatusOr<FenceState> RaiseFence(const Call& call,
                                        const DatastoreRef& datastore,
                                        uint64_t cut, uint64_t token) override;
  absl::StatusOr<FenceState> GetFence(const Call& call,
                                      const DatastoreRef& datastore) override;

 private:
  absl::Status Enter(const Call& call, std::string_view method);
  absl::StatusOr<FenceState*> Find(const DatastoreRef& ref)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable absl::Mutex mutex_;
  std::function<void(std::string_view)> hook_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, DatastoreRef> datastores_ ABSL_GUARDED_BY(mutex_);
  std::map<Uuid, FenceState> fences_ ABSL_GUARDED_BY(mutex_);
  std::map<SnapshotName, Snapshot> snapshots_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::maintenance
