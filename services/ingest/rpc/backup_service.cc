#include "services/ingest/rpc/backup_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/config/version.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "common/wire/session.h"
#include "common/wire/snapshot.h"
#include "services/ingest/rpc/paced_stream.h"
#include "services/ingest/rpc/write_chunks.h"
#include "services/ingest/rpc/write_ranges.h"
#include "services/ingest/rpc/write_stream.h"

namespace cairn::ingest {
namespace {

absl::StatusOr<OpenSessionRequest> ReadOpen(
    const v1::OpenSessionRequest& proto) {
  OpenSessionRequest request{.notes = proto.notes(),
                             .client_label = proto.client_label()};
  ASSIGN_OR_RETURN(request.request_id,
                   UuidFromText("request_id", proto.request_id()));
  ASSIGN_OR_RETURN(request.group,
                   NameFromProto<GroupName>("group", proto.group()));
  if (proto.has_backup_time()) {
    ASSIGN_OR_RETURN(request.backup_time,
                     SnapshotTimeFromProto("backup_time", proto.backup_time()));
  }
  return request;
}

absl::StatusOr<PublishRequest> ReadFinish(
    const v1::FinishSessionRequest& proto) {
  const size_t count = proto.archives_size();
  if (count < 1 || count > kMaxArchivesPerSnapshot) {
    return absl::InvalidArgumentError(absl::StrCat("archives has ", count,
                                                   " items, allowed are 1..",
                                                   kMaxArchivesPerSnapshot));
  }
  PublishRequest request;
  for (const auto& archive : proto.archives()) {
    RETURN_IF_ERROR(ValidateArchiveId(archive.name()));
    request.archives.push_back(
        {.name = archive.name(), .size_bytes = archive.size_bytes()});
  }
  return request;
}

}  // namespace

grpc::ServerUnaryReactor* BackupServiceImpl::GetCapabilities(
    grpc::CallbackServerContext* context,
    const v1::GetCapabilitiesRequest* request,
    v1::GetCapabilitiesResponse* response) {
  return dispatcher_->Serve(context, request, [=, this](const Call&) {
    const Capabilities capabilities = frontend_->GetCapabilities();
    response->set_server_version(kVersion);
    for (const std::string& name : capabilities.chunkers) {
      response->add_chunkers(name);
    }
    for (const std::string& name : capabilities.encodings) {
      response->add_encodings(name);
    }
    for (const std::string& name : capabilities.features) {
      response->add_features(name);
    }
    response->set_max_frame_bytes(capabilities.max_frame_bytes);
    response->set_max_blob_bytes(capabilities.max_blob_bytes);
    response->set_max_archives(capabilities.max_archives);
    response->set_watermark_interval_bytes(
        capabilities.watermark_interval_bytes);
    *response->mutable_lease_ttl() = DurationToProto(capabilities.lease_ttl);
    *response->mutable_server_time() = TimeToProto(capabilities.server_time);
    response->set_max_page_size(capabilities.max_page_size);
    response->set_max_sessions(capabilities.max_sessions);
    response->set_max_sessions_per_client(capabilities.max_sessions_per_client);
    response->set_write_bandwidth(capabilities.write_bandwidth);
    response->set_read_bandwidth(capabilities.read_bandwidth);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* BackupServiceImpl::OpenSession(
    grpc::CallbackServerContext* context, const v1::OpenSessionRequest* request,
    v1::OpenSessionResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const OpenSessionRequest open, ReadOpen(*request));
        ASSIGN_OR_RETURN(const Session session,
                         frontend_->OpenSession(call, open));
        *response->mutable_session() = ToProto(session);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* BackupServiceImpl::GetSession(
    grpc::CallbackServerContext* context, const v1::GetSessionRequest* request,
    v1::GetSessionResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SessionName name,
                         NameFromProto<SessionName>("name", request->name()));
        ASSIGN_OR_RETURN(const Session session,
                         frontend_->GetSession(call, name));
        *response->mutable_session() = ToProto(session);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* BackupServiceImpl::ListSessions(
    grpc::CallbackServerContext* context,
    const v1::ListSessionsRequest* request,
    v1::ListSessionsResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const std::string datastore,
            DatastoreNameFromProto("datastore", request->datastore()));
        ASSIGN_OR_RETURN(
            const ListPage<Session> page,
            frontend_->ListSessions(call, datastore, request->open_only(),
                                    {.page_size = request->page_size(),
                                     .page_token = request->page_token()}));
        for (const Session& session : page.items) {
          *response->add_sessions() = ToProto(session);
        }
        response->set_next_page_token(page.next_page_token);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* BackupServiceImpl::RenewSession(
    grpc::CallbackServerContext* context,
    const v1::RenewSessionRequest* request,
    v1::RenewSessionResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SessionName name,
                         NameFromProto<SessionName>("name", request->name()));
        ASSIGN_OR_RETURN(const absl::Duration ttl,
                         frontend_->RenewSession(call, name));
        *response->mutable_lease_ttl() = DurationToProto(ttl);
        return absl::OkStatus();
      });
}

grpc::ServerBidiReactor<v1::WriteStreamRequest, v1::WriteStreamResponse>*
BackupServiceImpl::WriteStream(grpc::CallbackServerContext* context) {
  return dispatcher_
      ->ServeBidi<v1::WriteStreamRequest, v1::WriteStreamResponse>(
          context, [this](const Call& call, WriteMessages& messages) {
            PacedReads paced(call, &messages, bandwidth_);
            return ServeWriteStream(*frontend_, call, paced, reply_executor_);
          });
}

grpc::ServerBidiReactor<v1::WriteChunksRequest, v1::WriteChunksResponse>*
BackupServiceImpl::WriteChunks(grpc::CallbackServerContext* context) {
  return dispatcher_
      ->ServeBidi<v1::WriteChunksRequest, v1::WriteChunksResponse>(
          context, [this](const Call& call, ChunkMessages& messages) {
            PacedReads paced(call, &messages, bandwidth_);
            return ServeWriteChunks(*frontend_, call, paced, reply_executor_);
          });
}

grpc::ServerBidiReactor<v1::WriteRangesRequest, v1::WriteRangesResponse>*
BackupServiceImpl::WriteRanges(grpc::CallbackServerContext* context) {
  return dispatcher_
      ->ServeBidi<v1::WriteRangesRequest, v1::WriteRangesResponse>(
          context, [this](const Call& call, RangeMessages& messages) {
            PacedReads paced(call, &messages, bandwidth_);
            return ServeWriteRanges(*frontend_, call, paced, reply_executor_);
          });
}

grpc::ServerUnaryReactor* BackupServiceImpl::FinishSession(
    grpc::CallbackServerContext* context,
    const v1::FinishSessionRequest* request,
    v1::FinishSessionResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SessionName name,
                         NameFromProto<SessionName>("name", request->name()));
        ASSIGN_OR_RETURN(const PublishRequest publish, ReadFinish(*request));
        ASSIGN_OR_RETURN(const Snapshot snapshot,
                         frontend_->FinishSession(call, name, publish));
        *response->mutable_snapshot() = ToProto(snapshot);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* BackupServiceImpl::AbortSession(
    grpc::CallbackServerContext* context,
    const v1::AbortSessionRequest* request, v1::AbortSessionResponse*) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SessionName name,
                         NameFromProto<SessionName>("name", request->name()));
        return frontend_->AbortSession(call, name);
      });
}

}  // namespace cairn::ingest
