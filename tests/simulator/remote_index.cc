#include "tests/simulator/remote_index.h"

#include <utility>

namespace cairn::simulator {

absl::StatusOr<ListPage<Datastore>> RemoteIndex::ListDatastores(
    const Call& call, const PageRequest& page) {
  return Ask<absl::StatusOr<ListPage<Datastore>>>(
      "ListDatastores", call, [to = to_, page](const Call& own) {
        return to->client().ListDatastores(own, page);
      });
}

absl::StatusOr<ListPage<Namespace>> RemoteIndex::ListNamespaces(
    const Call& call, const NamespaceQuery& query, const PageRequest& page) {
  return Ask<absl::StatusOr<ListPage<Namespace>>>(
      "ListNamespaces", call, [to = to_, query, page](const Call& own) {
        return to->client().ListNamespaces(own, query, page);
      });
}

absl::StatusOr<ListPage<Group>> RemoteIndex::ListGroups(
    const Call& call, const GroupQuery& query, const PageRequest& page) {
  return Ask<absl::StatusOr<ListPage<Group>>>(
      "ListGroups", call, [to = to_, query, page](const Call& own) {
        return to->client().ListGroups(own, query, page);
      });
}

absl::StatusOr<ListPage<Snapshot>> RemoteIndex::ListSnapshots(
    const Call& call, const SnapshotQuery& query, const PageRequest& page) {
  return Ask<absl::StatusOr<ListPage<Snapshot>>>(
      "ListSnapshots", call, [to = to_, query, page](const Call& own) {
        return to->client().ListSnapshots(own, query, page);
      });
}

absl::StatusOr<Datastore> RemoteIndex::GetDatastore(const Call& call,
                                                    const std::string& name) {
  return Ask<absl::StatusOr<Datastore>>(
      "GetDatastore", call, [to = to_, name](const Call& own) {
        return to->client().GetDatastore(own, name);
      });
}

absl::StatusOr<CatalogStatistics> RemoteIndex::GetStatistics(
    const Call& call, const std::string& datastore) {
  return Ask<absl::StatusOr<CatalogStatistics>>(
      "GetStatistics", call, [to = to_, datastore](const Call& own) {
        return to->client().GetStatistics(own, datastore);
      });
}

absl::StatusOr<Snapshot> RemoteIndex::GetSnapshot(const Call& call,
                                                  const SnapshotName& name) {
  return Ask<absl::StatusOr<Snapshot>>(
      "GetSnapshot", call, [to = to_, name](const Call& own) {
        return to->client().GetSnapshot(own, name);
      });
}

absl::StatusOr<PreparedChange> RemoteIndex::PrepareChange(
    const Call& call, const CatalogChange& change) {
  return Ask<absl::StatusOr<PreparedChange>>(
      "PrepareChange", call, [to = to_, change](const Call& own) {
        return to->client().PrepareChange(own, change);
      });
}

absl::Status RemoteIndex::CommitChange(const Call& call,
                                       const CatalogChange& change,
                                       uint64_t sequence) {
  return Ask<absl::Status>(
      "CommitChange", call, [to = to_, change, sequence](const Call& own) {
        return to->client().CommitChange(own, change, sequence);
      });
}

absl::StatusOr<Session> RemoteIndex::OpenSession(const Call& call,
                                                 const NewSession& session) {
  return Ask<absl::StatusOr<Session>>(
      "OpenSession", call, [to = to_, session](const Call& own) {
        return to->client().OpenSession(own, session);
      });
}

absl::StatusOr<Session> RemoteIndex::GetSession(const Call& call,
                                                const SessionName& name) {
  return Ask<absl::StatusOr<Session>>(
      "GetSession", call, [to = to_, name](const Call& own) {
        return to->client().GetSession(own, name);
      });
}

absl::StatusOr<ListPage<Session>> RemoteIndex::ListSessions(
    const Call& call, const std::string& datastore, bool open_only,
    const PageRequest& page) {
  return Ask<absl::StatusOr<ListPage<Session>>>(
      "ListSessions", call,
      [to = to_, datastore, open_only, page](const Call& own) {
        return to->client().ListSessions(own, datastore, open_only, page);
      });
}

absl::StatusOr<ListPage<Session>> RemoteIndex::ListUncancelled(
    const Call& call, const std::string& datastore, const PageRequest& page) {
  return Ask<absl::StatusOr<ListPage<Session>>>(
      "ListUncancelled", call, [to = to_, datastore, page](const Call& own) {
        return to->client().ListUncancelled(own, datastore, page);
      });
}

absl::StatusOr<uint64_t> RemoteIndex::PutPages(
    const Call& call, const SessionRef& session,
    const std::vector<EncodedPage>& pages) {
  return Ask<absl::StatusOr<uint64_t>>(
      "PutPages", call, [to = to_, session, pages](const Call& own) {
        return to->client().PutPages(own, session, pages);
      });
}

absl::Status RemoteIndex::SaveCheckpoint(const Call& call,
                                         const SessionRef& session,
                                         const ArchiveCheckpoint& checkpoint,
                                         uint64_t incarnation) {
  return Ask<absl::Status>(
      "SaveCheckpoint", call,
      [to = to_, session, checkpoint, incarnation](const Call& own) {
        return to->client().SaveCheckpoint(own, session, checkpoint,
                                           incarnation);
      });
}

absl::StatusOr<PreparedPublish> RemoteIndex::PreparePublish(
    const Call& call, const SessionRef& session,
    const PublishRequest& request) {
  return Ask<absl::StatusOr<PreparedPublish>>(
      "PreparePublish", call, [to = to_, session, request](const Call& own) {
        return to->client().PreparePublish(own, session, request);
      });
}

absl::StatusOr<Snapshot> RemoteIndex::CommitPublish(const Call& call,
                                                    const SessionRef& session,
                                                    uint64_t sequence) {
  return Ask<absl::StatusOr<Snapshot>>(
      "CommitPublish", call, [to = to_, session, sequence](const Call& own) {
        return to->client().CommitPublish(own, session, sequence);
      });
}

absl::Status RemoteIndex::AbortSession(const Call& call,
                                       const SessionRef& session) {
  return Ask<absl::Status>("AbortSession", call,
                           [to = to_, session](const Call& own) {
                             return to->client().AbortSession(own, session);
                           });
}

absl::StatusOr<ArchiveEntries> RemoteIndex::FindEntries(
    const Call& call, const ArchiveName& archive, uint64_t offset,
    uint64_t length, uint32_t max_entries) {
  return Ask<absl::StatusOr<ArchiveEntries>>(
      "FindEntries", call,
      [to = to_, archive, offset, length, max_entries](const Call& own) {
        return to->client().FindEntries(own, archive, offset, length,
                                        max_entries);
      });
}

absl::StatusOr<std::vector<std::string>> RemoteIndex::GetPages(
    const Call& call, const SessionRef& session,
    const std::vector<Digest>& ids) {
  return Ask<absl::StatusOr<std::vector<std::string>>>(
      "GetPages", call, [to = to_, session, ids](const Call& own) {
        return to->client().GetPages(own, session, ids);
      });
}

absl::StatusOr<ArchiveDiff> RemoteIndex::DiffArchives(
    const Call& call, const ArchiveName& base, const ArchiveName& archive,
    uint64_t offset, uint32_t max_ranges) {
  return Ask<absl::StatusOr<ArchiveDiff>>(
      "DiffArchives", call,
      [to = to_, base, archive, offset, max_ranges](const Call& own) {
        return to->client().DiffArchives(own, base, archive, offset,
                                         max_ranges);
      });
}

absl::StatusOr<FenceState> RemoteIndex::RaiseFence(
    const Call& call, const DatastoreRef& datastore, uint64_t cut,
    uint64_t token) {
  return Ask<absl::StatusOr<FenceState>>(
      "RaiseFence", call, [to = to_, datastore, cut, token](const Call& own) {
        return to->client().RaiseFence(own, datastore, cut, token);
      });
}

absl::StatusOr<FenceState> RemoteIndex::GetFence(
    const Call& call, const DatastoreRef& datastore) {
  return Ask<absl::StatusOr<FenceState>>(
      "GetFence", call, [to = to_, datastore](const Call& own) {
        return to->client().GetFence(own, datastore);
      });
}

absl::StatusOr<IndexSweep> RemoteIndexSweeps::BeginSweep(
    const Call& call, const DatastoreRef& datastore,
    const IndexSweepRequest& request) {
  return Ask<absl::StatusOr<IndexSweep>>(
      "BeginSweep", call, [to = to_, datastore, request](const Call& own) {
        return to->sweeps().BeginSweep(own, datastore, request);
      });
}

absl::StatusOr<GoneEvents> RemoteIndexSweeps::ListGoneEvents(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    uint64_t after_sequence) {
  return Ask<absl::StatusOr<GoneEvents>>(
      "ListGoneEvents", call,
      [to = to_, datastore, token, after_sequence](const Call& own) {
        return to->sweeps().ListGoneEvents(own, datastore, token,
                                           after_sequence);
      });
}

absl::StatusOr<DroppedPages> RemoteIndexSweeps::DropPages(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    uint32_t max_pages, bool dry_run) {
  return Ask<absl::StatusOr<DroppedPages>>(
      "DropPages", call,
      [to = to_, datastore, token, max_pages, dry_run](const Call& own) {
        return to->sweeps().DropPages(own, datastore, token, max_pages,
                                      dry_run);
      });
}

absl::StatusOr<EndedSweep> RemoteIndexSweeps::EndSweep(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    bool remove_gone) {
  return Ask<absl::StatusOr<EndedSweep>>(
      "EndSweep", call,
      [to = to_, datastore, token, remove_gone](const Call& own) {
        return to->sweeps().EndSweep(own, datastore, token, remove_gone);
      });
}

absl::Status RemoteIndexSweeps::SaveVerifications(
    const Call& call, const DatastoreRef& datastore,
    const std::vector<SnapshotVerification>& verifications) {
  return Ask<absl::Status>(
      "SaveVerifications", call,
      [to = to_, datastore, verifications](const Call& own) {
        return to->sweeps().SaveVerifications(own, datastore, verifications);
      });
}

absl::StatusOr<std::unique_ptr<MarkStream>> RemoteIndexSweeps::Mark(
    const std::string& what, const Call& call, MarkProgressSink progress,
    OpenMarks open) {
  struct Marked {
    uint64_t stream = 0;
    MarkProgress progress;
  };
  absl::StatusOr<Marked> marked = Ask<absl::StatusOr<Marked>>(
      what, call,
      [to = to_,
       open = std::move(open)](const Call& own) -> absl::StatusOr<Marked> {
        Marked result;
        const auto note = [&](const MarkProgress& p) { result.progress = p; };
        absl::StatusOr<uint64_t> added = to->marks().Add(
            own, [&](const Call& kept) { return open(kept, note); });
        if (!added.ok()) return added.status();
        result.stream = *added;
        return result;
      });
  if (!marked.ok()) return marked.status();
  progress(marked->progress);
  return std::make_unique<RemoteStream<MarkStream, IndexProcess>>(
      network_, from_, to_, &to_->marks(), call, marked->stream);
}

absl::StatusOr<std::unique_ptr<MarkStream>> RemoteIndexSweeps::MarkSweep(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    const std::vector<std::string>& leased_snapshots,
    MarkProgressSink progress) {
  return Mark("MarkSweep", call, progress,
              [to = to_, datastore, token, leased_snapshots](
                  const Call& own, MarkProgressSink sink) {
                return to->sweeps().MarkSweep(own, datastore, token,
                                              leased_snapshots, sink);
              });
}

absl::StatusOr<std::unique_ptr<MarkStream>> RemoteIndexSweeps::MarkScope(
    const Call& call, const DatastoreRef& datastore, const SnapshotScope& scope,
    MarkProgressSink progress) {
  return Mark(
      "MarkScope", call, progress,
      [to = to_, datastore, scope](const Call& own, MarkProgressSink sink) {
        return to->sweeps().MarkScope(own, datastore, scope, sink);
      });
}

absl::Status RemoteIndexSweeps::FindReferences(
    const Call& call, const DatastoreRef& datastore, const SnapshotScope& scope,
    const std::vector<MarkRun>& records, uint32_t max_ranges,
    absl::FunctionRef<void(const DamagedSnapshot&)> take) {
  using Found = absl::StatusOr<std::vector<DamagedSnapshot>>;
  const Found found = Ask<Found>(
      "FindReferences", call,
      [to = to_, datastore, scope, records,
       max_ranges](const Call& own) -> Found {
        std::vector<DamagedSnapshot> damaged;
        const absl::Status status = to->sweeps().FindReferences(
            own, datastore, scope, records, max_ranges,
            [&](const DamagedSnapshot& one) { damaged.push_back(one); });
        if (!status.ok()) return status;
        return damaged;
      });
  if (!found.ok()) return found.status();
  for (const DamagedSnapshot& one : *found) take(one);
  return absl::OkStatus();
}

}  // namespace cairn::simulator
