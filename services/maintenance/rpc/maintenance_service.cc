#include "services/maintenance/rpc/maintenance_service.h"

#include <string>
#include <utility>

#include "common/model/call.h"
#include "common/model/uuid.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/lease.h"
#include "common/wire/scalars.h"
#include "services/maintenance/client/lease_client.h"

namespace cairn::maintenance {
namespace {

absl::StatusOr<LeaseRequest> Decode(const v1::AcquireLeaseRequest& proto) {
  LeaseRequest request;
  ASSIGN_OR_RETURN(request.id, UuidFromProto("id", proto.id()));
  ASSIGN_OR_RETURN(request.datastore,
                   DatastoreNameFromProto("datastore", proto.datastore()));
  ASSIGN_OR_RETURN(request.ref, FromProto(proto.ref()));
  const size_t count = static_cast<size_t>(proto.claims_size());
  if (count == 0 || count > kMaxLeaseClaims) {
    return absl::InvalidArgumentError(absl::StrCat(
        "claims has ", count, " items, allowed are 1..", kMaxLeaseClaims));
  }
  for (int i = 0; i < proto.claims_size(); ++i) {
    auto claim = FromProto(proto.claims(i));
    if (!claim.ok()) {
      return WithContext(claim.status(), IndexedField("claims", i));
    }
    request.claims.push_back(*std::move(claim));
  }
  RETURN_IF_ERROR(CheckTextLength("holder", proto.holder(), kMaxHolderBytes));
  request.holder = proto.holder();
  ASSIGN_OR_RETURN(request.purpose,
                   LeasePurposeFromProto("purpose", proto.purpose()));
  if (proto.has_ttl()) {
    ASSIGN_OR_RETURN(request.ttl, DurationFromProto("ttl", proto.ttl()));
    // Unset means the default, zero is too short.
    if (request.ttl == absl::ZeroDuration()) {
      return absl::InvalidArgumentError("ttl is 0, 1 s to 24 h are allowed");
    }
  }
  if (proto.has_session_epoch()) request.session_epoch = proto.session_epoch();
  return request;
}

void Encode(const EpochState& state, v1::EpochState* proto) {
  proto->set_epoch(state.epoch);
  proto->set_token(state.token);
  proto->set_cut(state.cut);
  if (state.oldest_lease_start.has_value()) {
    *proto->mutable_oldest_lease_start() =
        TimeToProto(*state.oldest_lease_start);
  }
  proto->set_live_leases(state.live_leases);
}

}  // namespace

std::vector<AuthorizationRow> MaintenanceServiceImpl::Authorization() {
  const std::string service = "cairn.maintenance.v1.MaintenanceService/";
  return {
      {service + "AcquireLease", kIngestCalls, DrainRule::kRefuse},
      {service + "RenewLease", kIngestCalls},
      {service + "ReleaseLease", kIngestCalls},
      {service + "ListLeases", kIngestCalls},
      {service + "GetEpoch", kIngestCalls},
      {service + "AdvanceEpoch", kAdmins, DrainRule::kRefuse},
  };
}

grpc::ServerUnaryReactor* MaintenanceServiceImpl::AcquireLease(
    grpc::CallbackServerContext* context,
    const v1::AcquireLeaseRequest* request,
    v1::AcquireLeaseResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const LeaseRequest decoded, Decode(*request));
        ASSIGN_OR_RETURN(const Lease lease,
                         coordinator_->Acquire(call, decoded));
        *response->mutable_lease() = ToProto(lease);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* MaintenanceServiceImpl::RenewLease(
    grpc::CallbackServerContext* context, const v1::RenewLeaseRequest* request,
    v1::RenewLeaseResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const std::string datastore,
            DatastoreNameFromProto("datastore", request->datastore()));
        ASSIGN_OR_RETURN(const Uuid id, UuidFromProto("id", request->id()));
        ASSIGN_OR_RETURN(const Lease lease,
                         coordinator_->Renew(call, datastore, id));
        *response->mutable_lease() = ToProto(lease);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* MaintenanceServiceImpl::ReleaseLease(
    grpc::CallbackServerContext* context,
    const v1::ReleaseLeaseRequest* request, v1::ReleaseLeaseResponse*) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const std::string datastore,
            DatastoreNameFromProto("datastore", request->datastore()));
        ASSIGN_OR_RETURN(const Uuid id, UuidFromProto("id", request->id()));
        return coordinator_->Release(call, datastore, id);
      });
}

grpc::ServerUnaryReactor* MaintenanceServiceImpl::ListLeases(
    grpc::CallbackServerContext* context, const v1::ListLeasesRequest* request,
    v1::ListLeasesResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const std::string datastore,
            DatastoreNameFromProto("datastore", request->datastore()));
        ASSIGN_OR_RETURN(
            ListPage<Lease> page,
            coordinator_->List(call, datastore,
                               {.page_size = request->page_size(),
                                .page_token = request->page_token()}));
        for (const Lease& lease : page.items) {
          *response->add_leases() = ToProto(lease);
        }
        response->set_next_page_token(std::move(page.next_page_token));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* MaintenanceServiceImpl::GetEpoch(
    grpc::CallbackServerContext* context, const v1::GetEpochRequest* request,
    v1::EpochState* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const std::string datastore,
            DatastoreNameFromProto("datastore", request->datastore()));
        ASSIGN_OR_RETURN(const EpochState state,
                         coordinator_->GetEpoch(call, datastore));
        Encode(state, response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* MaintenanceServiceImpl::AdvanceEpoch(
    grpc::CallbackServerContext* context,
    const v1::AdvanceEpochRequest* request, v1::EpochState* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const std::string datastore,
            DatastoreNameFromProto("datastore", request->datastore()));
        ASSIGN_OR_RETURN(const EpochState state,
                         coordinator_->AdvanceEpoch(call, datastore));
        Encode(state, response);
        return absl::OkStatus();
      });
}

}  // namespace cairn::maintenance
