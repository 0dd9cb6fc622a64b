#pragma once

#include <cstdint>
#include <optional>

#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/engine/store_sweeper.h"

namespace cairn {

// Calls the engine in this process. Thread-safe.
class LocalStoreSweepClient final : public StoreSweepClient {
 public:
  // `sweeper` outlives the client.
  explicit LocalStoreSweepClient(chunk_storage::StoreSweeper* sweeper)
      : sweeper_(sweeper) {}

  absl::StatusOr<StoreState> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const StoreSweepRequest& request) override {
    return sweeper_->BeginSweep(call, datastore, request);
  }
  absl::StatusOr<MarkSummary> PutMarks(const Call& call,
                                       const DatastoreRef& datastore,
                                       const MarkSetRef& set,
                                       MarkStream& marks) override {
    return sweeper_->PutMarks(call, datastore, set, marks);
  }
  absl::StatusOr<PackPage> ListPacks(const Call& call,
                                     const DatastoreRef& datastore,
                                     const std::optional<Uuid>& set,
                                     uint32_t page_size,
                                     uint32_t after) override {
    return sweeper_->ListPacks(call, datastore, set, page_size, after);
  }
  absl::StatusOr<SweptPacks> SweepPacks(
      const Call& call, const DatastoreRef& datastore,
      const SweepPacksRequest& request) override {
    return sweeper_->SweepPacks(call, datastore, request);
  }
  absl::Status EndSweep(const Call& call, const DatastoreRef& datastore,
                        uint64_t token) override {
    return sweeper_->EndSweep(call, datastore, token);
  }
  absl::Status DropMarks(const Call& call, const DatastoreRef& datastore,
                         const Uuid& set) override {
    return sweeper_->DropMarks(call, datastore, set);
  }
  absl::Status VerifyPacks(
      const Call& call, const DatastoreRef& datastore,
      const VerifyPacksRequest& request,
      absl::FunctionRef<void(const VerifiedPack&)> take) override {
    return sweeper_->VerifyPacks(call, datastore, request, take);
  }
  absl::StatusOr<DamagePage> ListDamaged(const Call& call,
                                         const DatastoreRef& datastore,
                                         const std::optional<RecordKey>& after,
                                         uint32_t page_size) override {
    return sweeper_->ListDamaged(call, datastore, after, page_size);
  }

 private:
  chunk_storage::StoreSweeper* const sweeper_;
};

}  // namespace cairn
