#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>
#include <vector>

#include "cairn/index/v1/sweep_service.grpc.pb.h"
#include "common/time/clock.h"
#include "services/index/client/sweep_client.h"

namespace cairn {

// Sweeps and verifies with index in another process. Thread-safe.
class GrpcIndexSweepClient final : public IndexSweepClient {
 public:
  // `clock` outlives the client and its streams.
  GrpcIndexSweepClient(const std::shared_ptr<grpc::Channel>& channel,
                       const Clock* clock);

  absl::StatusOr<IndexSweep> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const IndexSweepRequest& request) override;
  absl::StatusOr<GoneEvents> ListGoneEvents(const Call& call,
                                            const DatastoreRef& datastore,
                                            uint64_t token,
                                            uint64_t after_sequence) override;
  absl::StatusOr<std::unique_ptr<MarkStream>> MarkSweep(
      const Call& call, const DatastoreRef& datastore, uint64_t token,
      const std::vector<std::string>& leased_snapshots,
      MarkProgressSink progress) override;
  absl::StatusOr<std::unique_ptr<MarkStream>> MarkScope(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, MarkProgressSink progress) override;
  absl::StatusOr<DroppedPages> DropPages(const Call& call,
                                         const DatastoreRef& datastore,
                                         uint64_t token, uint32_t max_pages,
                                         bool dry_run) override;
  absl::StatusOr<EndedSweep> EndSweep(const Call& call,
                                      const DatastoreRef& datastore,
                                      uint64_t token,
                                      bool remove_gone) override;
  absl::Status FindReferences(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, const std::vector<MarkRun>& records,
      uint32_t max_ranges,
      absl::FunctionRef<void(const DamagedSnapshot&)> take) override;
  absl::Status SaveVerifications(
      const Call& call, const DatastoreRef& datastore,
      const std::vector<SnapshotVerification>& verifications) override;

 private:
  const std::unique_ptr<index::v1::SweepService::Stub> stub_;
  const Clock* const clock_;
};

}  // namespace cairn
