#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/engine/mark_set.h"
#include "services/chunk_storage/engine/pack_listing.h"
#include "services/chunk_storage/engine/sweep_parts.h"
#include "services/chunk_storage/engine/sweep_state.h"
#include "services/chunk_storage/storage/audit_log.h"

namespace cairn::chunk_storage {

// One call of SweepPacks: drops records, removes packs that are empty, then
// compacts. One at a time in a datastore.
//
// What is dropped is decided under the record's lock, when it happens: the mark
// set is only the plan. Its bits say which records nothing marked when it was
// made, and that never changes for the worse: a mark does not come later, since
// whatever refers to a record that the view has not seen was told that it is
// there, which has raised its touch. The touch is read under the lock that a
// pin takes, and the token under the one that a higher token takes, and the
// removal is committed before either goes.
class PackSweep {
 public:
  // Keys that are decided about while pins of a shard wait.
  static constexpr size_t kKeysPerStep = 256;

  PackSweep(const SweepParts& parts, const CurrentSweep& sweep,
            std::shared_ptr<MarkSet> set)
      : parts_(parts),
        sweep_(sweep),
        set_(std::move(set)),
        listing_(parts.context, parts.number, parts.packs) {}

  // After an error what was done stays done. ResourceExhausted (STORAGE_FULL):
  // there was no room to copy, and nothing else was done.
  absl::StatusOr<SweptPacks> Run(const Call& call,
                                 const SweepPacksRequest& request);

 private:
  struct Candidate {
    RecordKey key;
    Place place;
    size_t pack = 0;  // index in its group
  };
  struct Group {
    std::vector<SealedPack> packs;
    std::vector<uint64_t> left;  // places in each
    std::vector<bool> damaged;
  };

  // Those that are sealed and of the set.
  std::vector<SealedPack> FindPacks(std::span<const uint32_t> numbers) const;
  absl::Status SweepGroup(const Call& call, std::span<const SealedPack> packs);
  absl::Status OpenAudit();
  absl::Status SyncAudit();
  absl::Status Drop(const Call& call, std::span<const Candidate> candidates,
                    Group& group);
  absl::Status DropStep(std::span<const Candidate> candidates, Group& group);
  absl::Status Bury(std::span<const uint32_t> packs);
  absl::Status Compact(const Call& call, const SweepPacksRequest& request);
  void AddDamaged(uint32_t pack);

  const SweepParts parts_;
  const CurrentSweep sweep_;
  const std::shared_ptr<MarkSet> set_;
  const PackListing listing_;
  std::unique_ptr<AuditLog> audit_;
  absl::flat_hash_set<uint32_t> compact_;
  SweptPacks result_;
};

}  // namespace cairn::chunk_storage
