#include "services/index/rpc/index_service.h"

#include <string>
#include <utility>

#include "common/model/call.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"
#include "common/wire/datastore.h"
#include "common/wire/scalars.h"
#include "common/wire/snapshot.h"
#include "services/index/client/index_wire.h"

namespace cairn::index {
namespace {

// Every list request has these two fields.
template <typename Request>
PageRequest PageOf(const Request& request) {
  return {.page_size = request.page_size(), .page_token = request.page_token()};
}

absl::StatusOr<SessionRef> SessionOf(const model::v1::SessionRef& proto) {
  absl::StatusOr<SessionRef> ref = cairn::FromProto(proto);
  if (!ref.ok()) return WithContext(ref.status(), "session");
  return ref;
}

absl::StatusOr<DatastoreRef> DatastoreOf(const model::v1::DatastoreRef& proto) {
  absl::StatusOr<DatastoreRef> ref = cairn::FromProto(proto);
  if (!ref.ok()) return WithContext(ref.status(), "datastore");
  return ref;
}

absl::StatusOr<CatalogChange> ChangeOf(const v1::CatalogChange& proto) {
  absl::StatusOr<CatalogChange> change = FromProto(proto);
  if (!change.ok()) return WithContext(change.status(), "change");
  return change;
}

SessionFilter FilterOf(const v1::ListSessionsRequest& proto) {
  if (proto.uncancelled_only()) return SessionFilter::kUncancelled;
  return proto.open_only() ? SessionFilter::kOpen : SessionFilter::kAll;
}

absl::StatusOr<PublishRequest> Decode(const v1::PreparePublishRequest& proto) {
  const size_t count = static_cast<size_t>(proto.archives_size());
  if (count == 0 || count > kMaxArchivesPerSnapshot) {
    return absl::InvalidArgumentError(absl::StrCat("archives has ", count,
                                                   " items, allowed are 1..",
                                                   kMaxArchivesPerSnapshot));
  }
  PublishRequest request;
  for (const auto& archive : proto.archives()) {
    request.archives.push_back(
        {.name = archive.name(), .size_bytes = archive.size_bytes()});
  }
  return request;
}

}  // namespace

std::vector<AuthorizationRow> IndexServiceImpl::Authorization() {
  const std::string service = "cairn.index.v1.IndexService/";
  return {
      {service + "ListDatastores", kServiceCalls},
      {service + "GetDatastore", kServiceCalls},
      {service + "GetStatistics", kIngestCalls},
      {service + "ListNamespaces", kIngestCalls},
      {service + "ListGroups", kIngestCalls},
      {service + "ListSnapshots", kServiceCalls},
      {service + "GetSnapshot", kServiceCalls},
      {service + "PrepareChange", kServiceCalls},
      {service + "CommitChange", kServiceCalls},
      {service + "OpenSession", kIngestCalls, DrainRule::kRefuse},
      {service + "GetSession", kIngestCalls},
      {service + "ListSessions", kIngestCalls},
      {service + "PutPages", kIngestCalls},
      {service + "SaveCheckpoint", kIngestCalls},
      {service + "PreparePublish", kIngestCalls},
      {service + "CommitPublish", kIngestCalls},
      {service + "AbortSession", kIngestCalls},
      {service + "FindEntries", kIngestCalls},
      {service + "GetPages", kIngestCalls},
      {service + "DiffArchives", kIngestCalls},
      {service + "RaiseFence", kMaintenanceCalls},
      {service + "GetFence", kMaintenanceCalls},
  };
}

grpc::ServerUnaryReactor* IndexServiceImpl::ListDatastores(
    grpc::CallbackServerContext* context,
    const v1::ListDatastoresRequest* request,
    v1::ListDatastoresResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(auto page,
                     engine_->catalog().ListDatastores(PageOf(*request)));
    for (const auto& item : page.items) {
      *response->add_datastores() = cairn::ToProto(item);
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::GetDatastore(
    grpc::CallbackServerContext* context,
    const v1::GetDatastoreRequest* request,
    v1::GetDatastoreResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string name,
                     DatastoreNameFromProto("name", request->name()));
    ASSIGN_OR_RETURN(const Datastore datastore,
                     engine_->catalog().GetDatastore(name));
    *response->mutable_datastore() = cairn::ToProto(datastore);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::GetStatistics(
    grpc::CallbackServerContext* context,
    const v1::GetStatisticsRequest* request,
    v1::GetStatisticsResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string datastore,
                     DatastoreNameFromProto("datastore", request->datastore()));
    ASSIGN_OR_RETURN(const CatalogStatistics counted,
                     engine_->catalog().GetStatistics(datastore));
    response->set_snapshot_count(counted.snapshot_count);
    response->set_logical_bytes(counted.logical_bytes);
    response->set_open_sessions(counted.open_sessions);
    response->set_uncancelled_sessions(counted.uncancelled_sessions);
    response->set_max_sessions(counted.max_sessions);
    response->set_trash_count(counted.trash_count);
    response->set_trash_bytes(counted.trash_bytes);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::ListNamespaces(
    grpc::CallbackServerContext* context,
    const v1::ListNamespacesRequest* request,
    v1::ListNamespacesResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const NamespaceName parent,
                     NameFromProto<NamespaceName>("parent", request->parent()));
    ASSIGN_OR_RETURN(auto page,
                     engine_->catalog().ListNamespaces(
                         {.parent = parent, .max_depth = request->max_depth()},
                         PageOf(*request)));
    for (const auto& item : page.items) {
      *response->add_namespaces() = cairn::ToProto(item);
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::ListGroups(
    grpc::CallbackServerContext* context, const v1::ListGroupsRequest* request,
    v1::ListGroupsResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const GroupQuery query, FromProto(*request));
    ASSIGN_OR_RETURN(auto page,
                     engine_->catalog().ListGroups(query, PageOf(*request)));
    for (const auto& item : page.items) {
      *response->add_groups() = cairn::ToProto(item);
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::ListSnapshots(
    grpc::CallbackServerContext* context,
    const v1::ListSnapshotsRequest* request,
    v1::ListSnapshotsResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const SnapshotQuery query, FromProto(*request));
    ASSIGN_OR_RETURN(auto page,
                     engine_->catalog().ListSnapshots(query, PageOf(*request)));
    for (const auto& item : page.items) {
      *response->add_snapshots() = cairn::ToProto(item);
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::GetSnapshot(
    grpc::CallbackServerContext* context, const v1::GetSnapshotRequest* request,
    v1::GetSnapshotResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const SnapshotName name,
                     NameFromProto<SnapshotName>("name", request->name()));
    ASSIGN_OR_RETURN(const Snapshot snapshot,
                     engine_->catalog().GetSnapshot(name));
    *response->mutable_snapshot() = cairn::ToProto(snapshot);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::PrepareChange(
    grpc::CallbackServerContext* context,
    const v1::PrepareChangeRequest* request,
    v1::PrepareChangeResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const CatalogChange change,
                         ChangeOf(request->change()));
        ASSIGN_OR_RETURN(PreparedChange prepared,
                         engine_->changes().Prepare(call, change));
        response->set_sequence(prepared.sequence);
        *response->mutable_datastore() = cairn::ToProto(prepared.datastore);
        response->set_event(std::move(prepared.event.payload));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* IndexServiceImpl::CommitChange(
    grpc::CallbackServerContext* context,
    const v1::CommitChangeRequest* request, v1::CommitChangeResponse*) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const CatalogChange change,
                         ChangeOf(request->change()));
        return engine_->changes().Commit(call, change, request->sequence());
      });
}

grpc::ServerUnaryReactor* IndexServiceImpl::OpenSession(
    grpc::CallbackServerContext* context, const v1::OpenSessionRequest* request,
    v1::OpenSessionResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const NewSession decoded, FromProto(*request));
        ASSIGN_OR_RETURN(const Session session,
                         engine_->sessions().Open(call, decoded));
        *response->mutable_session() = index::ToProto(session);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* IndexServiceImpl::GetSession(
    grpc::CallbackServerContext* context, const v1::GetSessionRequest* request,
    v1::GetSessionResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const SessionName name,
                     NameFromProto<SessionName>("name", request->name()));
    ASSIGN_OR_RETURN(const Session session, engine_->sessions().Get(name));
    *response->mutable_session() = index::ToProto(session);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::ListSessions(
    grpc::CallbackServerContext* context,
    const v1::ListSessionsRequest* request,
    v1::ListSessionsResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const std::string datastore,
                     DatastoreNameFromProto("datastore", request->datastore()));
    ASSIGN_OR_RETURN(auto page,
                     engine_->sessions().List(datastore, FilterOf(*request),
                                              PageOf(*request)));
    for (const auto& item : page.items) {
      *response->add_sessions() = index::ToProto(item);
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::PutPages(
    grpc::CallbackServerContext* context, const v1::PutPagesRequest* request,
    v1::PutPagesResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const SessionRef session, SessionOf(request->session()));
    ASSIGN_OR_RETURN(const std::vector<EncodedPage> pages, FromProto(*request));
    ASSIGN_OR_RETURN(const uint64_t incarnation,
                     engine_->pages().PutPages(session, pages));
    response->set_incarnation(incarnation);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::SaveCheckpoint(
    grpc::CallbackServerContext* context,
    const v1::SaveCheckpointRequest* request, v1::SaveCheckpointResponse*) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const SessionRef session, SessionOf(request->session()));
    const auto checkpoint = FromProto(request->checkpoint());
    if (!checkpoint.ok()) return WithContext(checkpoint.status(), "checkpoint");
    return engine_->pages().SaveCheckpoint(session, *checkpoint,
                                           request->incarnation());
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::PreparePublish(
    grpc::CallbackServerContext* context,
    const v1::PreparePublishRequest* request,
    v1::PreparePublishResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const SessionRef session, SessionOf(request->session()));
    ASSIGN_OR_RETURN(const PublishRequest decoded, Decode(*request));
    ASSIGN_OR_RETURN(PreparedPublish prepared,
                     engine_->publisher().Prepare(session, decoded));
    response->set_sequence(prepared.sequence);
    response->set_manifest(std::move(prepared.manifest.payload));
    if (prepared.published.has_value()) {
      *response->mutable_published() = cairn::ToProto(*prepared.published);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::CommitPublish(
    grpc::CallbackServerContext* context,
    const v1::CommitPublishRequest* request,
    v1::CommitPublishResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const SessionRef session, SessionOf(request->session()));
    ASSIGN_OR_RETURN(const Snapshot snapshot,
                     engine_->publisher().Commit(session, request->sequence()));
    *response->mutable_snapshot() = cairn::ToProto(snapshot);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::AbortSession(
    grpc::CallbackServerContext* context,
    const v1::AbortSessionRequest* request, v1::AbortSessionResponse*) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const SessionRef session, SessionOf(request->session()));
    return engine_->sessions().Abort(session);
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::FindEntries(
    grpc::CallbackServerContext* context, const v1::FindEntriesRequest* request,
    v1::FindEntriesResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const ArchiveName archive,
            NameFromProto<ArchiveName>("archive", request->archive()));
        ASSIGN_OR_RETURN(const ArchiveEntries found,
                         engine_->archives().FindEntries(
                             call, archive, request->offset(),
                             request->length(), request->max_entries()));
        *response->mutable_archive() = cairn::ToProto(found.archive);
        for (const PlacedEntry& entry : found.entries) {
          *response->add_entries() = cairn::ToProto(entry);
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* IndexServiceImpl::GetPages(
    grpc::CallbackServerContext* context, const v1::GetPagesRequest* request,
    v1::GetPagesResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SessionRef session,
                         SessionOf(request->session()));
        ASSIGN_OR_RETURN(const std::vector<Digest> ids, FromProto(*request));
        ASSIGN_OR_RETURN(std::vector<std::string> pages,
                         engine_->archives().GetPages(call, session, ids));
        for (std::string& page : pages) {
          response->add_pages(std::move(page));
        }
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* IndexServiceImpl::DiffArchives(
    grpc::CallbackServerContext* context,
    const v1::DiffArchivesRequest* request,
    v1::DiffArchivesResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const ArchiveName base,
                         NameFromProto<ArchiveName>("base", request->base()));
        ASSIGN_OR_RETURN(
            const ArchiveName archive,
            NameFromProto<ArchiveName>("archive", request->archive()));
        ASSIGN_OR_RETURN(
            const ArchiveDiff diff,
            engine_->archives().Diff(call, base, archive, request->offset(),
                                     request->max_ranges()));
        for (const DiffRange& range : diff.ranges) {
          v1::DiffArchivesResponse::Range& added = *response->add_ranges();
          added.set_offset(range.offset);
          added.set_length(range.length);
        }
        response->set_next_offset(diff.next);
        response->set_done(diff.done);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* IndexServiceImpl::RaiseFence(
    grpc::CallbackServerContext* context, const v1::RaiseFenceRequest* request,
    v1::FenceState* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const DatastoreRef datastore,
                     DatastoreOf(request->datastore()));
    ASSIGN_OR_RETURN(
        const FenceState state,
        engine_->fence().Raise(datastore, request->cut(), request->token()));
    *response = ToProto(state);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* IndexServiceImpl::GetFence(
    grpc::CallbackServerContext* context, const v1::GetFenceRequest* request,
    v1::FenceState* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const DatastoreRef datastore,
                     DatastoreOf(request->datastore()));
    ASSIGN_OR_RETURN(const FenceState state, engine_->fence().Get(datastore));
    *response = ToProto(state);
    return absl::OkStatus();
  });
}

}  // namespace cairn::index
