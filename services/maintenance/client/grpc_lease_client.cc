#include "services/maintenance/client/grpc_lease_client.h"

#include <utility>

#include "common/rpc/client_call.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/lease.h"
#include "common/wire/scalars.h"

namespace cairn {
namespace {

namespace v1 = maintenance::v1;

// Covers the calls to index and chunk_storage that an answer may need.
constexpr absl::Duration kTimeout = absl::Seconds(30);

v1::AcquireLeaseRequest Encode(const LeaseRequest& request) {
  v1::AcquireLeaseRequest proto;
  proto.set_id(std::string(request.id.view()));
  proto.set_datastore(DatastoreNameToProto(request.datastore));
  *proto.mutable_ref() = ToProto(request.ref);
  for (const LeaseClaim& claim : request.claims) {
    *proto.add_claims() = ToProto(claim);
  }
  proto.set_holder(request.holder);
  proto.set_purpose(ToProto(request.purpose));
  if (request.ttl != absl::ZeroDuration()) {
    *proto.mutable_ttl() = DurationToProto(request.ttl);
  }
  if (request.session_epoch.has_value()) {
    proto.set_session_epoch(*request.session_epoch);
  }
  return proto;
}

absl::StatusOr<EpochState> Decode(const v1::EpochState& proto) {
  EpochState state;
  state.epoch = proto.epoch();
  state.token = proto.token();
  state.cut = proto.cut();
  if (proto.has_oldest_lease_start()) {
    ASSIGN_OR_RETURN(
        state.oldest_lease_start,
        TimeFromProto("oldest_lease_start", proto.oldest_lease_start()));
  }
  state.live_leases = proto.live_leases();
  return state;
}

}  // namespace

GrpcLeaseClient::GrpcLeaseClient(const std::shared_ptr<grpc::Channel>& channel,
                                 const Clock* clock)
    : stub_(v1::MaintenanceService::NewStub(channel)), clock_(clock) {}

absl::StatusOr<Lease> GrpcLeaseClient::Acquire(const Call& call,
                                               const LeaseRequest& request) {
  ClientCall client(call, *clock_, kTimeout);
  v1::AcquireLeaseResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->AcquireLease(client.context(), Encode(request), &response)));
  return FromProto(response.lease());
}

absl::StatusOr<Lease> GrpcLeaseClient::Renew(const Call& call,
                                             const std::string& datastore,
                                             const Uuid& id) {
  ClientCall client(call, *clock_, kTimeout);
  v1::RenewLeaseRequest request;
  request.set_datastore(DatastoreNameToProto(datastore));
  request.set_id(std::string(id.view()));
  v1::RenewLeaseResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->RenewLease(client.context(), request, &response)));
  return FromProto(response.lease());
}

absl::Status GrpcLeaseClient::Release(const Call& call,
                                      const std::string& datastore,
                                      const Uuid& id) {
  ClientCall client(call, *clock_, kTimeout);
  v1::ReleaseLeaseRequest request;
  request.set_datastore(DatastoreNameToProto(datastore));
  request.set_id(std::string(id.view()));
  v1::ReleaseLeaseResponse response;
  return client.Finish(
      stub_->ReleaseLease(client.context(), request, &response));
}

absl::StatusOr<ListPage<Lease>> GrpcLeaseClient::List(
    const Call& call, const std::string& datastore, const PageRequest& page) {
  ClientCall client(call, *clock_, kTimeout);
  v1::ListLeasesRequest request;
  request.set_datastore(DatastoreNameToProto(datastore));
  request.set_page_size(page.page_size);
  request.set_page_token(page.page_token);
  v1::ListLeasesResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->ListLeases(client.context(), request, &response)));
  ListPage<Lease> result;
  for (const model::v1::Lease& proto : response.leases()) {
    ASSIGN_OR_RETURN(Lease lease, FromProto(proto));
    result.items.push_back(std::move(lease));
  }
  result.next_page_token = response.next_page_token();
  return result;
}

absl::StatusOr<EpochState> GrpcLeaseClient::GetEpoch(
    const Call& call, const std::string& datastore) {
  ClientCall client(call, *clock_, kTimeout);
  v1::GetEpochRequest request;
  request.set_datastore(DatastoreNameToProto(datastore));
  v1::EpochState response;
  RETURN_IF_ERROR(
      client.Finish(stub_->GetEpoch(client.context(), request, &response)));
  return Decode(response);
}

absl::StatusOr<EpochState> GrpcLeaseClient::AdvanceEpoch(
    const Call& call, const std::string& datastore) {
  ClientCall client(call, *clock_, kTimeout);
  v1::AdvanceEpochRequest request;
  request.set_datastore(DatastoreNameToProto(datastore));
  v1::EpochState response;
  RETURN_IF_ERROR(
      client.Finish(stub_->AdvanceEpoch(client.context(), request, &response)));
  return Decode(response);
}

}  // namespace cairn
