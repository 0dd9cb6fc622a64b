#include "services/maintenance/client/local_lease_client.h"

namespace cairn {

Call LocalLeaseClient::OwnCall(const Call& call) const {
  Call own = call;
  own.caller = caller_;
  return own;
}

absl::StatusOr<Lease> LocalLeaseClient::Acquire(const Call& call,
                                                const LeaseRequest& request) {
  return coordinator_->Acquire(OwnCall(call), request);
}

absl::StatusOr<Lease> LocalLeaseClient::Renew(const Call& call,
                                              const std::string& datastore,
                                              const Uuid& id) {
  return coordinator_->Renew(OwnCall(call), datastore, id);
}

absl::Status LocalLeaseClient::Release(const Call& call,
                                       const std::string& datastore,
                                       const Uuid& id) {
  return coordinator_->Release(OwnCall(call), datastore, id);
}

absl::StatusOr<ListPage<Lease>> LocalLeaseClient::List(
    const Call& call, const std::string& datastore, const PageRequest& page) {
  return coordinator_->List(OwnCall(call), datastore, page);
}

absl::StatusOr<EpochState> LocalLeaseClient::GetEpoch(
    const Call& call, const std::string& datastore) {
  return coordinator_->GetEpoch(OwnCall(call), datastore);
}

absl::StatusOr<EpochState> LocalLeaseClient::AdvanceEpoch(
    const Call& call, const std::string& datastore) {
  return coordinator_->AdvanceEpoch(OwnCall(call), datastore);
}

}  // namespace cairn
