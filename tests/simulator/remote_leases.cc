#include "tests/simulator/remote_leases.h"

namespace cairn::simulator {

absl::StatusOr<ListPage<Lease>> RemoteLeases::List(const Call& call,
                                                   const std::string& datastore,
                                                   const PageRequest& page) {
  return Ask<absl::StatusOr<ListPage<Lease>>>(
      "List", call, [to = to_, datastore, page](const Call& own) {
        return to->client().List(own, datastore, page);
      });
}

absl::StatusOr<EpochState> RemoteLeases::GetEpoch(
    const Call& call, const std::string& datastore) {
  return Ask<absl::StatusOr<EpochState>>(
      "GetEpoch", call, [to = to_, datastore](const Call& own) {
        return to->client().GetEpoch(own, datastore);
      });
}

absl::StatusOr<EpochState> RemoteLeases::AdvanceEpoch(
    const Call& call, const std::string& datastore) {
  return Ask<absl::StatusOr<EpochState>>(
      "AdvanceEpoch", call, [to = to_, datastore](const Call& own) {
        return to->client().AdvanceEpoch(own, datastore);
      });
}

absl::StatusOr<Lease> RemoteLeases::Acquire(const Call& call,
                                            const LeaseRequest& request) {
  return Ask<absl::StatusOr<Lease>>(
      "Acquire", call, [to = to_, watch = watch_, request](const Call& own) {
        const absl::Duration begin = to->scheduler().now();
        absl::StatusOr<Lease> lease = to->client().Acquire(own, request);
        // What a dead process does counts for nothing.
        if (!to->dying()) watch->NoteGrant(begin, lease, request.claims);
        return lease;
      });
}

absl::StatusOr<Lease> RemoteLeases::Renew(const Call& call,
                                          const std::string& datastore,
                                          const Uuid& id) {
  return Ask<absl::StatusOr<Lease>>(
      "Renew", call,
      [to = to_, watch = watch_, datastore, id](const Call& own) {
        const absl::Duration begin = to->scheduler().now();
        absl::StatusOr<Lease> lease = to->client().Renew(own, datastore, id);
        if (!to->dying()) watch->NoteRenewal(begin, id, lease);
        return lease;
      });
}

absl::Status RemoteLeases::Release(const Call& call,
                                   const std::string& datastore,
                                   const Uuid& id) {
  return Ask<absl::Status>(
      "Release", call,
      [to = to_, watch = watch_, datastore, id](const Call& own) {
        watch->NoteRelease(id);
        return to->client().Release(own, datastore, id);
      });
}

}  // namespace cairn::simulator
