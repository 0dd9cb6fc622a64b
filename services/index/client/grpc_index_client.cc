#include "services/index/client/grpc_index_client.h"

#include <utility>

#include "common/digest/sha256.h"
#include "common/rpc/client_call.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"
#include "common/wire/datastore.h"
#include "common/wire/scalars.h"
#include "common/wire/snapshot.h"
#include "services/index/client/index_wire.h"
#include "services/index/domain/raw_record.h"

namespace cairn {
namespace {

namespace v1 = index::v1;

// Index waits for nobody but its disk.
constexpr absl::Duration kTimeout = absl::Seconds(30);

// An answer of index that does not hold what it promises is not the caller's
// fault.
absl::Status BadAnswer(const absl::Status& why) {
  return absl::InternalError(absl::StrCat("answer of index: ", why.message()));
}

template <typename T>
absl::StatusOr<T> Answer(absl::StatusOr<T> decoded) {
  if (!decoded.ok()) return BadAnswer(decoded.status());
  return decoded;
}

// One page of a list: `Decode` makes an item of each of `protos`.
template <typename T, typename Protos, typename Decode>
absl::StatusOr<ListPage<T>> DecodePage(const Protos& protos,
                                       const std::string& next_page_token,
                                       Decode decode) {
  ListPage<T> page;
  for (const auto& proto : protos) {
    ASSIGN_OR_RETURN(T item, Answer<T>(decode(proto)));
    page.items.push_back(std::move(item));
  }
  page.next_page_token = next_page_token;
  return page;
}

}  // namespace

GrpcIndexClient::GrpcIndexClient(const std::shared_ptr<grpc::Channel>& channel,
                                 const Clock* clock)
    : stub_(v1::IndexService::NewStub(channel)), clock_(clock) {}

absl::StatusOr<ListPage<Datastore>> GrpcIndexClient::ListDatastores(
    const Call& call, const PageRequest& page) {
  v1::ListDatastoresRequest request;
  request.set_page_size(page.page_size);
  request.set_page_token(page.page_token);
  ClientCall client(call, *clock_, kTimeout);
  v1::ListDatastoresResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->ListDatastores(client.context(), request, &response)));
  return DecodePage<Datastore>(
      response.datastores(), response.next_page_token(),
      [](const model::v1::Datastore& item) { return FromProto(item); });
}

absl::StatusOr<ListPage<Namespace>> GrpcIndexClient::ListNamespaces(
    const Call& call, const NamespaceQuery& query, const PageRequest& page) {
  v1::ListNamespacesRequest request;
  request.set_parent(query.parent.ToString());
  request.set_max_depth(query.max_depth);
  request.set_page_size(page.page_size);
  request.set_page_token(page.page_token);
  ClientCall client(call, *clock_, kTimeout);
  v1::ListNamespacesResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->ListNamespaces(client.context(), request, &response)));
  return DecodePage<Namespace>(
      response.namespaces(), response.next_page_token(),
      [](const model::v1::Namespace& item) { return FromProto(item); });
}

absl::StatusOr<ListPage<Group>> GrpcIndexClient::ListGroups(
    const Call& call, const GroupQuery& query, const PageRequest& page) {
  ClientCall client(call, *clock_, kTimeout);
  v1::ListGroupsResponse response;
  RETURN_IF_ERROR(client.Finish(stub_->ListGroups(
      client.context(), index::ToProto(query, page), &response)));
  return DecodePage<Group>(
      response.groups(), response.next_page_token(),
      [](const model::v1::Group& item) { return FromProto(item); });
}

absl::StatusOr<ListPage<Snapshot>> GrpcIndexClient::ListSnapshots(
    const Call& call, const SnapshotQuery& query, const PageRequest& page) {
  ClientCall client(call, *clock_, kTimeout);
  v1::ListSnapshotsResponse response;
  RETURN_IF_ERROR(client.Finish(stub_->ListSnapshots(
      client.context(), index::ToProto(query, page), &response)));
  return DecodePage<Snapshot>(
      response.snapshots(), response.next_page_token(),
      [](const model::v1::Snapshot& item) { return FromProto(item); });
}

absl::StatusOr<Datastore> GrpcIndexClient::GetDatastore(
    const Call& call, const std::string& name) {
  v1::GetDatastoreRequest request;
  request.set_name(DatastoreNameToProto(name));
  ClientCall client(call, *clock_, kTimeout);
  v1::GetDatastoreResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->GetDatastore(client.context(), request, &response)));
  return Answer(FromProto(response.datastore()));
}

absl::StatusOr<CatalogStatistics> GrpcIndexClient::GetStatistics(
    const Call& call, const std::string& datastore) {
  v1::GetStatisticsRequest request;
  request.set_datastore(DatastoreNameToProto(datastore));
  ClientCall client(call, *clock_, kTimeout);
  v1::GetStatisticsResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->GetStatistics(client.context(), request, &response)));
  return CatalogStatistics{
      .snapshot_count = response.snapshot_count(),
      .logical_bytes = response.logical_bytes(),
      .open_sessions = response.open_sessions(),
      .uncancelled_sessions = response.uncancelled_sessions(),
      .max_sessions = response.max_sessions(),
      .trash_count = response.trash_count(),
      .trash_bytes = response.trash_bytes()};
}

absl::StatusOr<Snapshot> GrpcIndexClient::GetSnapshot(
    const Call& call, const SnapshotName& name) {
  v1::GetSnapshotRequest request;
  request.set_name(name.ToString());
  ClientCall client(call, *clock_, kTimeout);
  v1::GetSnapshotResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->GetSnapshot(client.context(), request, &response)));
  return Answer(FromProto(response.snapshot()));
}

absl::StatusOr<PreparedChange> GrpcIndexClient::PrepareChange(
    const Call& call, const CatalogChange& change) {
  v1::PrepareChangeRequest request;
  *request.mutable_change() = index::ToProto(change);
  ClientCall client(call, *clock_, kTimeout);
  v1::PrepareChangeResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->PrepareChange(client.context(), request, &response)));
  PreparedChange prepared;
  prepared.sequence = response.sequence();
  ASSIGN_OR_RETURN(prepared.datastore, Answer(FromProto(response.datastore())));
  prepared.event = index::MakeRawRecord(RecordKind::kEvent, response.sequence(),
                                        std::move(*response.mutable_event()));
  return prepared;
}

absl::Status GrpcIndexClient::CommitChange(const Call& call,
                                           const CatalogChange& change,
                                           uint64_t sequence) {
  v1::CommitChangeRequest request;
  *request.mutable_change() = index::ToProto(change);
  request.set_sequence(sequence);
  ClientCall client(call, *clock_, kTimeout);
  v1::CommitChangeResponse response;
  return client.Finish(
      stub_->CommitChange(client.context(), request, &response));
}

absl::StatusOr<Session> GrpcIndexClient::OpenSession(
    const Call& call, const NewSession& session) {
  ClientCall client(call, *clock_, kTimeout);
  v1::OpenSessionResponse response;
  RETURN_IF_ERROR(client.Finish(stub_->OpenSession(
      client.context(), index::ToProto(session), &response)));
  return Answer(index::FromProto(response.session()));
}

absl::StatusOr<Session> GrpcIndexClient::GetSession(const Call& call,
                                                    const SessionName& name) {
  v1::GetSessionRequest request;
  request.set_name(name.ToString());
  ClientCall client(call, *clock_, kTimeout);
  v1::GetSessionResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->GetSession(client.context(), request, &response)));
  return Answer(index::FromProto(response.session()));
}

absl::StatusOr<ListPage<Session>> GrpcIndexClient::ListSessions(
    const Call& call, const std::string& datastore, bool open_only,
    const PageRequest& page) {
  v1::ListSessionsRequest request;
  request.set_open_only(open_only);
  return ListMatching(call, datastore, page, std::move(request));
}

absl::StatusOr<ListPage<Session>> GrpcIndexClient::ListUncancelled(
    const Call& call, const std::string& datastore, const PageRequest& page) {
  v1::ListSessionsRequest request;
  request.set_uncancelled_only(true);
  return ListMatching(call, datastore, page, std::move(request));
}

absl::StatusOr<ListPage<Session>> GrpcIndexClient::ListMatching(
    const Call& call, const std::string& datastore, const PageRequest& page,
    v1::ListSessionsRequest request) {
  request.set_datastore(DatastoreNameToProto(datastore));
  request.set_page_size(page.page_size);
  request.set_page_token(page.page_token);
  ClientCall client(call, *clock_, kTimeout);
  v1::ListSessionsResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->ListSessions(client.context(), request, &response)));
  return DecodePage<Session>(
      response.sessions(), response.next_page_token(),
      [](const v1::SessionRow& item) { return index::FromProto(item); });
}

absl::StatusOr<uint64_t> GrpcIndexClient::PutPages(
    const Call& call, const SessionRef& session,
    const std::vector<EncodedPage>& pages) {
  v1::PutPagesRequest request;
  *request.mutable_session() = ToProto(session);
  for (const EncodedPage& page : pages) {
    // Only the encodings travel, so a wrong id must be found here.
    if (Sha256(page.bytes) != page.id) {
      return absl::InvalidArgumentError(absl::StrCat(
          "page ", page.id.ToHex(), ": that is not the digest of its bytes"));
    }
    request.add_pages(page.bytes);
  }
  ClientCall client(call, *clock_, kTimeout);
  v1::PutPagesResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->PutPages(client.context(), request, &response)));
  return response.incarnation();
}

absl::Status GrpcIndexClient::SaveCheckpoint(
    const Call& call, const SessionRef& session,
    const ArchiveCheckpoint& checkpoint, uint64_t incarnation) {
  v1::SaveCheckpointRequest request;
  *request.mutable_session() = ToProto(session);
  *request.mutable_checkpoint() = index::ToProto(checkpoint);
  request.set_incarnation(incarnation);
  ClientCall client(call, *clock_, kTimeout);
  v1::SaveCheckpointResponse response;
  return client.Finish(
      stub_->SaveCheckpoint(client.context(), request, &response));
}

absl::StatusOr<PreparedPublish> GrpcIndexClient::PreparePublish(
    const Call& call, const SessionRef& session,
    const PublishRequest& publish) {
  v1::PreparePublishRequest request;
  *request.mutable_session() = ToProto(session);
  for (const PublishRequest::ExpectedArchive& archive : publish.archives) {
    auto& proto = *request.add_archives();
    proto.set_name(archive.name);
    proto.set_size_bytes(archive.size_bytes);
  }
  ClientCall client(call, *clock_, kTimeout);
  v1::PreparePublishResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->PreparePublish(client.context(), request, &response)));
  PreparedPublish prepared;
  prepared.sequence = response.sequence();
  if (response.has_published()) {
    ASSIGN_OR_RETURN(prepared.published,
                     Answer(FromProto(response.published())));
  } else {
    prepared.manifest =
        index::MakeRawRecord(RecordKind::kManifest, response.sequence(),
                             std::move(*response.mutable_manifest()));
  }
  return prepared;
}

absl::StatusOr<Snapshot> GrpcIndexClient::CommitPublish(
    const Call& call, const SessionRef& session, uint64_t sequence) {
  v1::CommitPublishRequest request;
  *request.mutable_session() = ToProto(session);
  request.set_sequence(sequence);
  ClientCall client(call, *clock_, kTimeout);
  v1::CommitPublishResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->CommitPublish(client.context(), request, &response)));
  return Answer(FromProto(response.snapshot()));
}

absl::Status GrpcIndexClient::AbortSession(const Call& call,
                                           const SessionRef& session) {
  v1::AbortSessionRequest request;
  *request.mutable_session() = ToProto(session);
  ClientCall client(call, *clock_, kTimeout);
  v1::AbortSessionResponse response;
  return client.Finish(
      stub_->AbortSession(client.context(), request, &response));
}

absl::StatusOr<ArchiveEntries> GrpcIndexClient::FindEntries(
    const Call& call, const ArchiveName& archive, uint64_t offset,
    uint64_t length, uint32_t max_entries) {
  v1::FindEntriesRequest request;
  request.set_archive(archive.ToString());
  request.set_offset(offset);
  request.set_length(length);
  request.set_max_entries(max_entries);
  ClientCall client(call, *clock_, kTimeout);
  v1::FindEntriesResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->FindEntries(client.context(), request, &response)));
  ArchiveEntries found;
  ASSIGN_OR_RETURN(found.archive, Answer(FromProto(response.archive())));
  found.entries.reserve(static_cast<size_t>(response.entries_size()));
  for (const model::v1::ChunkEntry& proto : response.entries()) {
    ASSIGN_OR_RETURN(PlacedEntry entry, Answer(FromProto(proto)));
    found.entries.push_back(entry);
  }
  return found;
}

absl::StatusOr<std::vector<std::string>> GrpcIndexClient::GetPages(
    const Call& call, const SessionRef& session,
    const std::vector<Digest>& ids) {
  v1::GetPagesRequest request;
  *request.mutable_session() = ToProto(session);
  for (const Digest& id : ids) request.add_ids(std::string(id.view()));
  ClientCall client(call, *clock_, kTimeout);
  v1::GetPagesResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->GetPages(client.context(), request, &response)));
  if (static_cast<size_t>(response.pages_size()) != ids.size()) {
    return absl::InternalError(absl::StrCat("index answered ",
                                            response.pages_size(),
                                            " pages for ", ids.size(), " ids"));
  }
  return std::vector<std::string>(
      std::make_move_iterator(response.mutable_pages()->begin()),
      std::make_move_iterator(response.mutable_pages()->end()));
}

absl::StatusOr<ArchiveDiff> GrpcIndexClient::DiffArchives(
    const Call& call, const ArchiveName& base, const ArchiveName& archive,
    uint64_t offset, uint32_t max_ranges) {
  v1::DiffArchivesRequest request;
  request.set_base(base.ToString());
  request.set_archive(archive.ToString());
  request.set_offset(offset);
  request.set_max_ranges(max_ranges);
  ClientCall client(call, *clock_, kTimeout);
  v1::DiffArchivesResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->DiffArchives(client.context(), request, &response)));
  ArchiveDiff diff{.next = response.next_offset(), .done = response.done()};
  diff.ranges.reserve(static_cast<size_t>(response.ranges_size()));
  for (const v1::DiffArchivesResponse::Range& range : response.ranges()) {
    diff.ranges.push_back({.offset = range.offset(), .length = range.length()});
  }
  return diff;
}

absl::StatusOr<FenceState> GrpcIndexClient::RaiseFence(
    const Call& call, const DatastoreRef& datastore, uint64_t cut,
    uint64_t token) {
  v1::RaiseFenceRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.set_cut(cut);
  request.set_token(token);
  ClientCall client(call, *clock_, kTimeout);
  v1::FenceState response;
  RETURN_IF_ERROR(
      client.Finish(stub_->RaiseFence(client.context(), request, &response)));
  return index::FromProto(response);
}

absl::StatusOr<FenceState> GrpcIndexClient::GetFence(
    const Call& call, const DatastoreRef& datastore) {
  v1::GetFenceRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  ClientCall client(call, *clock_, kTimeout);
  v1::FenceState response;
  RETURN_IF_ERROR(
      client.Finish(stub_->GetFence(client.context(), request, &response)));
  return index::FromProto(response);
}

}  // namespace cairn
