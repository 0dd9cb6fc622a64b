#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "common/model/catalog.h"
#include "common/model/names.h"

// What came of a run, as proto/cairn/maintenance/v1/task_service.proto says.
namespace cairn::maintenance {

struct PruneRunResult {
  std::string plan_hash;
  uint64_t groups = 0;
  uint64_t kept = 0;
  uint64_t forgotten = 0;
  uint64_t refused = 0;  // removals that a guard took back
  uint64_t failed = 0;
};

// Bytes that are not free yet, and why.
struct LaterBytes {
  // As GcResult.Later.Reason.
  enum class Reason : uint8_t {
    kTrash = 1,
    kSession = 2,
    kThreshold = 3,
    kBudget = 4,
    kDamage = 5,
  };
  Reason reason = Reason::kTrash;
  uint64_t bytes = 0;
  std::optional<absl::Time> until;
  std::string holder;
  friend bool operator==(const LaterBytes&, const LaterBytes&) = default;
};

struct GcRunResult {
  uint64_t epoch = 0;
  uint64_t token = 0;
  uint64_t cut = 0;
  uint64_t snapshots = 0;
  uint64_t pages = 0;
  uint64_t references = 0;
  uint64_t logical_bytes = 0;
  uint64_t marked_records = 0;
  uint64_t marked_bytes = 0;
  uint64_t missing_records = 0;
  uint64_t dropped_records = 0;
  uint64_t dropped_bytes = 0;
  uint64_t freed_bytes = 0;
  uint64_t removed_packs = 0;
  uint64_t compacted_packs = 0;
  uint64_t copied_bytes = 0;
  uint64_t removed_snapshots = 0;
  uint64_t dropped_pages = 0;
  std::vector<LaterBytes> later;
  uint64_t pack_bytes = 0;
};

inline constexpr size_t kMaxDamagedSnapshotsTold = 100;
inline constexpr uint32_t kMaxDamagedRangesTold = 20;

struct VerifyRunResult {
  struct Damage {
    SnapshotName snapshot;
    std::vector<DamagedRange> ranges;  // the first kMaxDamagedRangesTold
    uint64_t damaged_bytes = 0;
  };
  uint64_t snapshots = 0;
  uint64_t verified_ok = 0;
  uint64_t verified_failed = 0;
  uint64_t packs = 0;
  uint64_t records = 0;
  uint64_t bytes = 0;
  uint64_t damaged_records = 0;
  uint64_t missing_records = 0;
  std::vector<Damage> damage;  // of the first kMaxDamagedSnapshotsTold
  bool complete = false;
};

using RunResult = std::variant<PruneRunResult, GcRunResult, VerifyRunResult>;

}  // namespace cairn::maintenance
