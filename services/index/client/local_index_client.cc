#include "services/index/client/local_index_client.h"

namespace cairn {

Call LocalIndexClient::Own(const Call& call) const {
  Call own = call;
  own.caller = caller_;
  return own;
}

absl::StatusOr<ListPage<Datastore>> LocalIndexClient::ListDatastores(
    const Call&, const PageRequest& page) {
  return engine_->catalog().ListDatastores(page);
}

absl::StatusOr<ListPage<Namespace>> LocalIndexClient::ListNamespaces(
    const Call&, const NamespaceQuery& query, const PageRequest& page) {
  return engine_->catalog().ListNamespaces(query, page);
}

absl::StatusOr<ListPage<Group>> LocalIndexClient::ListGroups(
    const Call&, const GroupQuery& query, const PageRequest& page) {
  return engine_->catalog().ListGroups(query, page);
}

absl::StatusOr<ListPage<Snapshot>> LocalIndexClient::ListSnapshots(
    const Call&, const SnapshotQuery& query, const PageRequest& page) {
  return engine_->catalog().ListSnapshots(query, page);
}

absl::StatusOr<Datastore> LocalIndexClient::GetDatastore(
    const Call&, const std::string& name) {
  return engine_->catalog().GetDatastore(name);
}

absl::StatusOr<CatalogStatistics> LocalIndexClient::GetStatistics(
    const Call&, const std::string& datastore) {
  return engine_->catalog().GetStatistics(datastore);
}

absl::StatusOr<Snapshot> LocalIndexClient::GetSnapshot(
    const Call&, const SnapshotName& name) {
  return engine_->catalog().GetSnapshot(name);
}

absl::StatusOr<PreparedChange> LocalIndexClient::PrepareChange(
    const Call& call, const CatalogChange& change) {
  return engine_->changes().Prepare(Own(call), change);
}

absl::Status LocalIndexClient::CommitChange(const Call& call,
                                            const CatalogChange& change,
                                            uint64_t sequence) {
  return engine_->changes().Commit(Own(call), change, sequence);
}

absl::StatusOr<Session> LocalIndexClient::OpenSession(
    const Call& call, const NewSession& session) {
  return engine_->sessions().Open(Own(call), session);
}

absl::StatusOr<Session> LocalIndexClient::GetSession(const Call&,
                                                     const SessionName& name) {
  return engine_->sessions().Get(name);
}

absl::StatusOr<ListPage<Session>> LocalIndexClient::ListSessions(
    const Call&, const std::string& datastore, bool open_only,
    const PageRequest& page) {
  return engine_->sessions().List(
      datastore,
      open_only ? index::SessionFilter::kOpen : index::SessionFilter::kAll,
      page);
}

absl::StatusOr<ListPage<Session>> LocalIndexClient::ListUncancelled(
    const Call&, const std::string& datastore, const PageRequest& page) {
  return engine_->sessions().List(datastore, index::SessionFilter::kUncancelled,
                                  page);
}

absl::StatusOr<uint64_t> LocalIndexClient::PutPages(
    const Call&, const SessionRef& session,
    const std::vector<EncodedPage>& pages) {
  return engine_->pages().PutPages(session, pages);
}

absl::Status LocalIndexClient::SaveCheckpoint(
    const Call&, const SessionRef& session, const ArchiveCheckpoint& checkpoint,
    uint64_t incarnation) {
  return engine_->pages().SaveCheckpoint(session, checkpoint, incarnation);
}

absl::StatusOr<PreparedPublish> LocalIndexClient::PreparePublish(
    const Call&, const SessionRef& session, const PublishRequest& request) {
  return engine_->publisher().Prepare(session, request);
}

absl::StatusOr<Snapshot> LocalIndexClient::CommitPublish(
    const Call&, const SessionRef& session, uint64_t sequence) {
  return engine_->publisher().Commit(session, sequence);
}

absl::Status LocalIndexClient::AbortSession(const Call&,
                                            const SessionRef& session) {
  return engine_->sessions().Abort(session);
}

absl::StatusOr<ArchiveEntries> LocalIndexClient::FindEntries(
    const Call& call, const ArchiveName& archive, uint64_t offset,
    uint64_t length, uint32_t max_entries) {
  return engine_->archives().FindEntries(Own(call), archive, offset, length,
                                         max_entries);
}

absl::StatusOr<std::vector<std::string>> LocalIndexClient::GetPages(
    const Call& call, const SessionRef& session,
    const std::vector<Digest>& ids) {
  return engine_->archives().GetPages(Own(call), session, ids);
}

absl::StatusOr<ArchiveDiff> LocalIndexClient::DiffArchives(
    const Call& call, const ArchiveName& base, const ArchiveName& archive,
    uint64_t offset, uint32_t max_ranges) {
  return engine_->archives().Diff(Own(call), base, archive, offset, max_ranges);
}

absl::StatusOr<FenceState> LocalIndexClient::RaiseFence(
    const Call&, const DatastoreRef& datastore, uint64_t cut, uint64_t token) {
  return engine_->fence().Raise(datastore, cut, token);
}

absl::StatusOr<FenceState> LocalIndexClient::GetFence(
    const Call&, const DatastoreRef& datastore) {
  return engine_->fence().Get(datastore);
}

}  // namespace cairn
