#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/mark.h"
#include "common/model/uuid.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/engine/datastore_state.h"
#include "services/chunk_storage/engine/mark_sets.h"
#include "services/chunk_storage/engine/pack_verify.h"
#include "services/chunk_storage/engine/sweep_parts.h"
#include "services/chunk_storage/engine/sweep_state.h"

namespace cairn::chunk_storage {

// Sweeps and verifies of one datastore: the calls of StoreSweepClient; who
// hands them in has checked the datastore. Thread-safe.
class DatastoreSweep {
 public:
  static constexpr size_t kMaxPacksPerCall = 1000;
  static constexpr uint32_t kMaxPageSize = 10'000;

  // `parts` but for its sets, which are this object's own. All outlive it.
  DatastoreSweep(const SweepParts& parts, DatastoreState* state);

  absl::Status Begin(const StoreSweepRequest& request);
  absl::StatusOr<MarkSummary> PutMarks(const Call& call, const MarkSetRef& ref,
                                       MarkStream& marks);
  absl::StatusOr<PackPage> ListPacks(const std::optional<Uuid>& set,
                                     uint32_t page_size, uint32_t after);
  absl::StatusOr<SweptPacks> SweepPacks(const Call& call,
                                        const SweepPacksRequest& request);
  void End(uint64_t token);
  void DropMarks(const Uuid& set) { sets_.Drop(set); }
  absl::Status VerifyPacks(const Call& call, const VerifyPacksRequest& request,
                           PackVerify::Take take);
  absl::StatusOr<DamagePage> ListDamaged(const std::optional<RecordKey>& after,
                                         uint32_t page_size) const;

 private:
  absl::StatusOr<std::shared_ptr<MarkSet>> FindSet(const Uuid& id);
  PackInfo Describe(const SealedPack& pack, const MarkSet* set,
                    const std::optional<SweepRule>& rule) const;

  DatastoreState* const state_;
  MarkSets sets_;
  SweepState sweep_;
  const SweepParts parts_;
};

}  // namespace cairn::chunk_storage
