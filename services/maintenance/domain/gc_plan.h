#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/status.h"

// Which packs a sweep removes, and which it compacts. Pure: the same packs,
// the same plan.
namespace cairn::maintenance {

// A sealed pack, as a sweep's marks show it.
struct PackUse {
  uint32_t number = 0;
  bool metadata = false;
  uint64_t file_bytes = 0;
  uint64_t records = 0;  // that have their place in it
  uint64_t record_bytes = 0;
  uint64_t kept_records = 0;  // of them, that would stay now
  uint64_t kept_bytes = 0;
  bool missing = false;  // its file is not there
};

struct GcPlanOptions {
  // A pack of which less is live is compacted. 100: each that has anything
  // which is not. 1..100.
  uint32_t live_percent = 80;
  uint64_t max_copy_bytes = 0;  // 0: no limit
};

// One pack that is worked on.
struct PackStep {
  uint32_t number = 0;
  uint64_t copied_bytes = 0;  // that stay, and are copied
  uint64_t freed_bytes = 0;   // of its file, less what the copy takes
  friend bool operator==(const PackStep&, const PackStep&) = default;
};

struct GcPlan {
  // Nothing in them stays: they cost nothing and go first.
  std::vector<PackStep> drop;
  // What stays in them is copied; the most freed by a copied byte first.
  std::vector<PackStep> compact;
  uint64_t dropped_records = 0;  // of both
  uint64_t dropped_bytes = 0;
  uint64_t freed_bytes = 0;   // of files, after what compaction writes
  uint64_t copied_bytes = 0;  // of records
  // What is freed later: in packs that are live enough, a little padding not
  // counted, and in those that the limit of copied bytes left out.
  uint64_t threshold_bytes = 0;
  uint64_t budget_bytes = 0;
};

// The bytes of a pack that holds just these records, footer included.
uint64_t PackFileBytes(uint64_t records, uint64_t record_bytes);

// Garbage is what of a file is neither what stays nor what a pack of just
// that needs around it. Padding behind syncs is garbage too, but a pack whose
// only garbage is little of it is left as it is, whatever live_percent says:
// else every pack would be copied once, for nothing. So is one with a little of
// records that a killed run dropped and did not come to copy from, but for
// live_percent 100. Small packs are put together as soon as there are
// kMinSmallPacks of a class, so that their number stays bounded however often
// packs are sealed early. Packs whose file is not there go if nothing in them
// is to stay, and are left to verify otherwise.
GcPlan PlanGc(std::span<const PackUse> packs, const GcPlanOptions& options);

inline constexpr uint64_t kSmallPackBytes = uint64_t{16} << 20;
inline constexpr size_t kMinSmallPacks = 8;

// FailedPrecondition (EMPTY_VIEW): nothing is listed and nothing in trash, and
// the plan would drop something: an index that has lost its snapshots looks
// the same.
absl::Status CheckView(uint64_t listed_count, uint64_t trash_count,
                       bool allow_empty, const GcPlan& plan);

}  // namespace cairn::maintenance
