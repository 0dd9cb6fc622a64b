#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/index/client/session_client.h"
#include "services/index/client/sweep_client.h"
#include "tests/simulator/index_process.h"
#include "tests/simulator/remote.h"

namespace cairn::simulator {

// Index over the network.
class RemoteIndex final : public CatalogClient,
                          public SessionClient,
                          public FenceClient,
                          private Remote<IndexProcess> {
 public:
  RemoteIndex(Network* network, Process* from, IndexProcess* to)
      : Remote(network, from, to) {}

  // CatalogClient:
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
  absl::StatusOr<CatalogStatistics> GetStatistics(
      const Call& call, const std::string& datastore) override;
  absl::StatusOr<Snapshot> GetSnapshot(const Call& call,
                                       const SnapshotName& name) override;
  absl::StatusOr<PreparedChange> PrepareChange(
      const Call& call, const CatalogChange& change) override;
  absl::Status CommitChange(const Call& call, const CatalogChange& change,
                            uint64_t sequence) override;
  // SessionClient:
  absl::StatusOr<Session> OpenSession(const Call& call,
                                      const NewSession& session) override;
  absl::StatusOr<Session> GetSession(const Call& call,
                                     const SessionName& name) override;
  absl::StatusOr<ListPage<Session>> ListSessions(
      const Call& call, const std::string& datastore, bool open_only,
      const PageRequest& page) override;
  absl::StatusOr<ListPage<Session>> ListUncancelled(
      const Call& call, const std::string& datastore,
      const PageRequest& page) override;
  absl::StatusOr<uint64_t> PutPages(
      const Call& call, const SessionRef& session,
      const std::vector<EncodedPage>& pages) override;
  absl::Status SaveCheckpoint(const Call& call, const SessionRef& session,
                              const ArchiveCheckpoint& checkpoint,
                              uint64_t incarnation) override;
  absl::StatusOr<PreparedPublish> PreparePublish(
      const Call& call, const SessionRef& session,
      const PublishRequest& request) override;
  absl::StatusOr<Snapshot> CommitPublish(const Call& call,
                                         const SessionRef& session,
                                         uint64_t sequence) override;
  absl::Status AbortSession(const Call& call,
                            const SessionRef& session) override;
  absl::StatusOr<ArchiveEntries> FindEntries(const Call& call,
                                             const ArchiveName& archive,
                                             uint64_t offset, uint64_t length,
                                             uint32_t max_entries) override;
  absl::StatusOr<std::vector<std::string>> GetPages(
      const Call& call, const SessionRef& session,
      const std::vector<Digest>& ids) override;
  absl::StatusOr<ArchiveDiff> DiffArchives(const Call& call,
                                           const ArchiveName& base,
                                           const ArchiveName& archive,
                                           uint64_t offset,
                                           uint32_t max_ranges) override;
  // FenceClient:
  absl::StatusOr<FenceState> RaiseFence(const Call& call,
                                        const DatastoreRef& datastore,
                                        uint64_t cut, uint64_t token) override;
  absl::StatusOr<FenceState> GetFence(const Call& call,
                                      const DatastoreRef& datastore) override;
};

// Sweeps and verifies of index over the network.
class RemoteIndexSweeps final : public IndexSweepClient,
                                private Remote<IndexProcess> {
 public:
  RemoteIndexSweeps(Network* network, Process* from, IndexProcess* to)
      : Remote(network, from, to) {}

  // IndexSweepClient:
  absl::StatusOr<IndexSweep> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const IndexSweepRequest& request) override;
  absl::StatusOr<GoneEvents> ListGoneEvents(const Call& call,
                                            const DatastoreRef& datastore,
                                            uint64_t token,
                                            uint64_t after_sequence) override;
  absl::StatusOr<std::unique_ptr<MarkStream>> MarkSweep(
      const Call& call, const DatastoreRef& datastore, uint64_t token,
      const std::vector<std::string>& leased_snapshots,
      MarkProgressSink progress) override;
  absl::StatusOr<std::unique_ptr<MarkStream>> MarkScope(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, MarkProgressSink progress) override;
  absl::StatusOr<DroppedPages> DropPages(const Call& call,
                                         const DatastoreRef& datastore,
                                         uint64_t token, uint32_t max_pages,
                                         bool dry_run) override;
  absl::StatusOr<EndedSweep> EndSweep(const Call& call,
                                      const DatastoreRef& datastore,
                                      uint64_t token,
                                      bool remove_gone) override;
  absl::Status FindReferences(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, const std::vector<MarkRun>& records,
      uint32_t max_ranges,
      absl::FunctionRef<void(const DamagedSnapshot&)> take) override;
  absl::Status SaveVerifications(
      const Call& call, const DatastoreRef& datastore,
      const std::vector<SnapshotVerification>& verifications) override;

 private:
  using OpenMarks = std::function<absl::StatusOr<std::unique_ptr<MarkStream>>(
      const Call& call, MarkProgressSink progress)>;
  absl::StatusOr<std::unique_ptr<MarkStream>> Mark(const std::string& what,
                                                   const Call& call,
                                                   MarkProgressSink progress,
                                                   OpenMarks open);
};

}  // namespace cairn::simulator
