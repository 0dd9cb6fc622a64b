#include "services/index/rpc/sweep_service.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/call.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/mark.h"
#include "common/wire/scalars.h"
#include "services/index/client/sweep_wire.h"

namespace cairn::index {
namespace {

// Every request has this field.
template <typename Request>
absl::StatusOr<DatastoreRef> DatastoreOf(const Request& request) {
  absl::StatusOr<DatastoreRef> ref = cairn::FromProto(request.datastore());
  if (!ref.ok()) return WithContext(ref.status(), "datastore");
  return ref;
}

absl::StatusOr<SnapshotScope> ScopeOf(const v1::Scope& proto) {
  absl::StatusOr<SnapshotScope> scope = FromProto(proto);
  if (!scope.ok()) return WithContext(scope.status(), "scope");
  return scope;
}

absl::Status PeerIsGone() {
  return absl::CancelledError("the caller takes no more");
}

absl::StatusOr<std::unique_ptr<MarkStream>> OpenMarks(
    IndexEngine& engine, const Call& call, const v1::MarkRequest& request,
    MarkProgressSink progress) {
  ASSIGN_OR_RETURN(const DatastoreRef datastore, DatastoreOf(request));
  switch (request.roots_case()) {
    case v1::MarkRequest::kSweep:
      return engine.sweeps().Mark(call, datastore, request.sweep().token(),
                                  {request.sweep().leased_snapshots().begin(),
                                   request.sweep().leased_snapshots().end()},
                                  progress);
    case v1::MarkRequest::kScope: {
      ASSIGN_OR_RETURN(const SnapshotScope scope, ScopeOf(request.scope()));
      return engine.scopes().Mark(call, datastore, scope, progress);
    }
    case v1::MarkRequest::ROOTS_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("roots is not set");
}

absl::StatusOr<std::vector<MarkRun>> RecordsOf(
    const v1::FindReferencesRequest& request) {
  std::vector<MarkRun> records;
  for (int i = 0; i < request.records_size(); ++i) {
    ASSIGN_OR_RETURN(MarkRun run, cairn::FromProto(IndexedField("records", i),
                                                   request.records(i)));
    records.push_back(std::move(run));
  }
  return records;
}

}  // namespace

std::vector<AuthorizationRow> SweepServiceImpl::Authorization() {
  const std::string service = "cairn.index.v1.SweepService/";
  return {
      {service + "BeginSweep", kMaintenanceCalls, DrainRule::kRefuse},
      {service + "ListGoneEvents", kMaintenanceCalls},
      {service + "Mark", kMaintenanceCalls, DrainRule::kEnd},
      {service + "DropPages", kMaintenanceCalls},
      {service + "EndSweep", kMaintenanceCalls},
      {service + "FindReferences", kMaintenanceCalls, DrainRule::kEnd},
      {service + "SaveVerifications", kMaintenanceCalls},
  };
}

grpc::ServerUnaryReactor* SweepServiceImpl::BeginSweep(
    grpc::CallbackServerContext* context, const v1::BeginSweepRequest* request,
    v1::BeginSweepResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const DatastoreRef datastore, DatastoreOf(*request));
    ASSIGN_OR_RETURN(
        const IndexSweep sweep,
        engine_->sweeps().Begin(datastore,
                                {.token = request->token(),
                                 .cut = request->cut(),
                                 .confirm_clock = request->confirm_clock(),
                                 .validate_only = request->validate_only()}));
    *response = ToProto(sweep);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SweepServiceImpl::ListGoneEvents(
    grpc::CallbackServerContext* context,
    const v1::ListGoneEventsRequest* request,
    v1::ListGoneEventsResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const DatastoreRef datastore, DatastoreOf(*request));
    ASSIGN_OR_RETURN(GoneEvents gone, engine_->sweeps().ListGoneEvents(
                                          datastore, request->token(),
                                          request->after_sequence()));
    for (Record& event : gone.events) {
      auto& proto = *response->add_events();
      proto.set_sequence(event.sequence);
      proto.set_payload(std::move(event.payload));
    }
    response->set_done(gone.done);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::MarkResponse>* SweepServiceImpl::Mark(
    grpc::CallbackServerContext* context, const v1::MarkRequest* request) {
  return dispatcher_->ServeServerStream<v1::MarkResponse>(
      context,
      [this, asked = *request](
          const Call& call,
          MessageWriter<v1::MarkResponse>& messages) -> absl::Status {
        bool open = true;
        const auto tell = [&](const MarkProgress& progress) {
          v1::MarkResponse message;
          *message.mutable_progress() = ToProto(progress);
          open = open && messages.Write(std::move(message));
        };
        ASSIGN_OR_RETURN(const auto marks,
                         OpenMarks(*engine_, call, asked, tell));
        while (open) {
          ASSIGN_OR_RETURN(const std::optional<MarkRun> run, marks->Next());
          if (!run.has_value()) return absl::OkStatus();
          v1::MarkResponse message;
          *message.mutable_run() = cairn::ToProto(*run);
          open = messages.Write(std::move(message));
        }
        return PeerIsGone();
      });
}

grpc::ServerUnaryReactor* SweepServiceImpl::DropPages(
    grpc::CallbackServerContext* context, const v1::DropPagesRequest* request,
    v1::DropPagesResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const DatastoreRef datastore, DatastoreOf(*request));
    ASSIGN_OR_RETURN(
        const DroppedPages dropped,
        engine_->sweeps().DropPages(datastore, request->token(),
                                    request->max_pages(), request->dry_run()));
    *response = ToProto(dropped);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* SweepServiceImpl::EndSweep(
    grpc::CallbackServerContext* context, const v1::EndSweepRequest* request,
    v1::EndSweepResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const DatastoreRef datastore, DatastoreOf(*request));
    ASSIGN_OR_RETURN(const EndedSweep ended,
                     engine_->sweeps().End(datastore, request->token(),
                                           request->remove_gone()));
    *response = ToProto(ended);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::FindReferencesResponse>*
SweepServiceImpl::FindReferences(grpc::CallbackServerContext* context,
                                 const v1::FindReferencesRequest* request) {
  return dispatcher_->ServeServerStream<v1::FindReferencesResponse>(
      context,
      [this, asked = *request](
          const Call& call,
          MessageWriter<v1::FindReferencesResponse>& messages) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore, DatastoreOf(asked));
        ASSIGN_OR_RETURN(const SnapshotScope scope, ScopeOf(asked.scope()));
        ASSIGN_OR_RETURN(const std::vector<MarkRun> records, RecordsOf(asked));
        bool open = true;
        RETURN_IF_ERROR(engine_->scopes().FindReferences(
            call, datastore, scope, records, asked.max_ranges(),
            [&](const DamagedSnapshot& damaged) {
              open = open && messages.Write(ToProto(damaged));
            }));
        return open ? absl::OkStatus() : PeerIsGone();
      });
}

grpc::ServerUnaryReactor* SweepServiceImpl::SaveVerifications(
    grpc::CallbackServerContext* context,
    const v1::SaveVerificationsRequest* request,
    v1::SaveVerificationsResponse*) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    ASSIGN_OR_RETURN(const DatastoreRef datastore, DatastoreOf(*request));
    if (static_cast<size_t>(request->verifications_size()) >
        kMaxVerifications) {
      return absl::InvalidArgumentError(
          absl::StrCat("verifications has ", request->verifications_size(),
                       " items, allowed are 1..", kMaxVerifications));
    }
    std::vector<SnapshotVerification> verifications;
    for (int i = 0; i < request->verifications_size(); ++i) {
      auto one = FromProto(request->verifications(i));
      if (!one.ok()) {
        return WithContext(one.status(), IndexedField("verifications", i));
      }
      verifications.push_back(*std::move(one));
    }
    return engine_->scopes().SaveVerifications(datastore, verifications);
  });
}

}  // namespace cairn::index
