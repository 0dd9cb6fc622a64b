#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/model/mark.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_format.h"
#include "services/chunk_storage/client/chunk_client.h"

namespace cairn {

struct StoreSweepRequest {
  uint64_t token = 0;
  uint64_t cut = 0;
  uint64_t sequence = 0;  // of the view
  // Index has handed out its numbers up to this one, asked after the view was
  // taken: publishes that came since are no sign of an old copy. 0: `sequence`.
  uint64_t index_sequence = 0;
};

struct MarkSetRef {
  Uuid id;
  uint64_t token = 0;  // of the sweep that it is for; 0: for a verify
};

// Records and the bytes of their extents in packs.
struct RecordSum {
  uint64_t records = 0;
  uint64_t bytes = 0;
  friend bool operator==(const RecordSum&, const RecordSum&) = default;
};

struct MarkSummary {
  RecordSum marked;   // of sealed packs
  RecordSum trash;    // of `marked`: only trash refers to them
  RecordSum session;  // only open sessions
  // Marked, and not to be had: no place, a bad one, or its pack is gone. What
  // only open sessions refer to does not count: it may never have been durable.
  uint64_t missing_records = 0;
  std::vector<MarkRun> missing;  // the first 100000 of them
  RecordSum unmarked;
  RecordSum spared;  // of them, by touch, or by the rules of metadata
};

// A sealed pack.
struct PackInfo {
  uint32_t number = 0;
  Uuid uuid;
  PackClass pack_class = PackClass::kData;
  uint64_t file_bytes = 0;
  RecordSum records;                     // that have their place here
  RecordSum kept;                        // with a mark set: what would stay now
  std::optional<absl::Time> proof_time;  // none: never
  std::optional<absl::Time> presence_time;  // none: never
  std::optional<absl::Time> seal_time;      // none: not known
  bool missing = false;                     // its file is not there
};
struct PackPage {
  std::vector<PackInfo> packs;  // by ascending number
  bool done = false;
};

struct SweepPacksRequest {
  Uuid set;
  uint64_t token = 0;
  std::vector<uint32_t> packs;         // 1..1000
  std::vector<uint32_t> compact;       // of them
  uint64_t max_copy_bytes = 0;         // 0: no limit; at least one pack is done
  uint64_t copy_bytes_per_second = 0;  // 0: no limit
};
struct SweptPacks {
  RecordSum dropped;
  uint64_t removed_packs = 0;
  uint64_t removed_bytes = 0;  // of their files
  RecordSum copied;
  uint64_t new_packs = 0;
  uint64_t new_bytes = 0;       // of their files
  uint64_t spared_records = 0;  // touched meanwhile
  std::vector<uint32_t> damaged_packs;
  std::vector<uint32_t> remaining;
};

enum class VerifyDepth : uint8_t { kLight = 1, kDeep = 2 };
struct VerifyPacksRequest {
  std::vector<uint32_t> packs;  // 1..1000, in this order
  std::optional<Uuid> set;      // none: all records
  VerifyDepth depth = VerifyDepth::kDeep;
  uint64_t read_bytes_per_second = 0;  // 0: no limit
};
struct RecordDamage {
  RecordKey key;
  std::string why;
};
struct VerifiedPack {
  uint32_t pack = 0;
  RecordSum records;  // bytes: stored
  uint64_t plain_bytes = 0;
  std::vector<RecordDamage> damage;
};
struct DamagePage {
  std::vector<RecordDamage> damage;  // in order of key
  bool done = false;
};

// The part of chunk_storage in a sweep and in a verify, as
// proto/cairn/chunk_storage/v1/sweep_service.proto says. Thread-safe.
class StoreSweepClient {
 public:
  virtual ~StoreSweepClient() = default;

  virtual absl::StatusOr<StoreState> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const StoreSweepRequest& request) = 0;
  // Reads `marks` to its end; nothing is made if that fails. For a verify it
  // seals all open packs first.
  virtual absl::StatusOr<MarkSummary> PutMarks(const Call& call,
                                               const DatastoreRef& datastore,
                                               const MarkSetRef& set,
                                               MarkStream& marks) = 0;
  // `page_size`: 1..10000. Packs with a number above `after`.
  virtual absl::StatusOr<PackPage> ListPacks(const Call& call,
                                             const DatastoreRef& datastore,
                                             const std::optional<Uuid>& set,
                                             uint32_t page_size,
                                             uint32_t after) = 0;
  // Aborted (SWEEP_LOST): the set or the sweep is not there any more.
  virtual absl::StatusOr<SweptPacks> SweepPacks(
      const Call& call, const DatastoreRef& datastore,
      const SweepPacksRequest& request) = 0;
  // Both idempotent.
  virtual absl::Status EndSweep(const Call& call, const DatastoreRef& datastore,
                                uint64_t token) = 0;
  virtual absl::Status DropMarks(const Call& call,
                                 const DatastoreRef& datastore,
                                 const Uuid& set) = 0;

  // `take` gets each pack when it is done, on the caller's thread.
  virtual absl::Status VerifyPacks(
      const Call& call, const DatastoreRef& datastore,
      const VerifyPacksRequest& request,
      absl::FunctionRef<void(const VerifiedPack&)> take) = 0;
  virtual absl::StatusOr<DamagePage> ListDamaged(
      const Call& call, const DatastoreRef& datastore,
      const std::optional<RecordKey>& after, uint32_t page_size) = 0;
};

}  // namespace cairn
