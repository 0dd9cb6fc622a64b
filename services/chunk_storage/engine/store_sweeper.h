#pragma once

#include <cstdint>
#include <optional>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/model/mark.h"
#include "common/model/uuid.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/engine/chunk_repository.h"

namespace cairn::chunk_storage {

// The engine of sweeps and verifies: the calls of StoreSweepClient on the
// datastores of a repository. Thread-safe.
class StoreSweeper {
 public:
  // `repository` outlives the sweeper.
  explicit StoreSweeper(ChunkRepository* repository)
      : repository_(repository) {}

  // As StoreSweepClient.
  absl::StatusOr<StoreState> BeginSweep(const Call& call,
                                        const DatastoreRef& datastore,
                                        const StoreSweepRequest& request);
  absl::StatusOr<MarkSummary> PutMarks(const Call& call,
                                       const DatastoreRef& datastore,
                                       const MarkSetRef& set,
                                       MarkStream& marks);
  absl::StatusOr<PackPage> ListPacks(const Call& call,
                                     const DatastoreRef& datastore,
                                     const std::optional<Uuid>& set,
                                     uint32_t page_size, uint32_t after);
  absl::StatusOr<SweptPacks> SweepPacks(const Call& call,
                                        const DatastoreRef& datastore,
                                        const SweepPacksRequest& request);
  absl::Status EndSweep(const Call& call, const DatastoreRef& datastore,
                        uint64_t token);
  absl::Status DropMarks(const Call& call, const DatastoreRef& datastore,
                         const Uuid& set);
  absl::Status VerifyPacks(const Call& call, const DatastoreRef& datastore,
                           const VerifyPacksRequest& request,
                           absl::FunctionRef<void(const VerifiedPack&)> take);
  absl::StatusOr<DamagePage> ListDamaged(const Call& call,
                                         const DatastoreRef& datastore,
                                         const std::optional<RecordKey>& after,
                                         uint32_t page_size);

 private:
  ChunkRepository* const repository_;
};

}  // namespace cairn::chunk_storage
