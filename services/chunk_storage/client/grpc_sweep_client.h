#pragma once

#include <grpcpp/channel.h>

#include <cstdint>
#include <memory>
#include <optional>

#include "cairn/chunk_storage/v1/sweep_service.grpc.pb.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/sweep_client.h"

namespace cairn {

// Calls chunk_storage in another process. Makes each call once. Marks, sweeps
// of packs and verifies take as long as they take: the deadline and the token
// of the call end them. Thread-safe.
class GrpcStoreSweepClient final : public StoreSweepClient {
 public:
  // `clock` outlives the client.
  GrpcStoreSweepClient(const std::shared_ptr<grpc::Channel>& channel,
                       const Clock* clock);

  absl::StatusOr<StoreState> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const StoreSweepRequest& request) override;
  absl::StatusOr<MarkSummary> PutMarks(const Call& call,
                                       const DatastoreRef& datastore,
                                       const MarkSetRef& set,
                                       MarkStream& marks) override;
  absl::StatusOr<PackPage> ListPacks(const Call& call,
                                     const DatastoreRef& datastore,
                                     const std::optional<Uuid>& set,
                                     uint32_t page_size,
                                     uint32_t after) override;
  absl::StatusOr<SweptPacks> SweepPacks(
      const Call& call, const DatastoreRef& datastore,
      const SweepPacksRequest& request) override;
  absl::Status EndSweep(const Call& call, const DatastoreRef& datastore,
                        uint64_t token) override;
  absl::Status DropMarks(const Call& call, const DatastoreRef& datastore,
                         const Uuid& set) override;
  absl::Status VerifyPacks(
      const Call& call, const DatastoreRef& datastore,
      const VerifyPacksRequest& request,
      absl::FunctionRef<void(const VerifiedPack&)> take) override;
  absl::StatusOr<DamagePage> ListDamaged(const Call& call,
                                         const DatastoreRef& datastore,
                                         const std::optional<RecordKey>& after,
                                         uint32_t page_size) override;

 private:
  const std::unique_ptr<chunk_storage::v1::SweepService::Stub> stub_;
  const Clock* const clock_;
};

}  // namespace cairn
