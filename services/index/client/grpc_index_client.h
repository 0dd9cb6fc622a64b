#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "cairn/index/v1/index_service.grpc.pb.h"
#include "common/model/call.h"
#include "common/time/clock.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/fence_client.h"
#include "services/index/client/session_client.h"

namespace cairn {

// Calls index in another process. Makes each call once: what may be repeated
// is for the caller to say. Thread-safe.
class GrpcIndexClient final : public CatalogClient,
                              public SessionClient,
                              public FenceClient {
 public:
  // `clock` outlives the client.
  GrpcIndexClient(const std::shared_ptr<grpc::Channel>& channel,
                  const Clock* clock);

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
  absl::StatusOr<Snapshot> GetSnapshot(const Call& call,
                                       const SnapshotName& name) override;
  absl::StatusOr<CatalogStatistics> GetStatistics(
      const Call& call, const std::string& datastore) override;
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

 private:
  // Of `request` only the filter is set.
  absl::StatusOr<ListPage<Session>> ListMatching(
      const Call& call, const std::string& datastore, const PageRequest& page,
      index::v1::ListSessionsRequest request);

  const std::unique_ptr<index::v1::IndexService::Stub> stub_;
  const Clock* const clock_;
};

}  // namespace cairn
