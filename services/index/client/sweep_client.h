#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/call.h"
#include "common/model/catalog.h"
#include "common/model/mark.h"
#include "common/model/record.h"

namespace cairn {

inline constexpr size_t kMaxLeasedSnapshots = 10000;
inline constexpr size_t kMaxScopeNames = 1000;
inline constexpr size_t kMaxLostRecords = 100000;  // of FindReferences
inline constexpr uint32_t kMaxFoundRanges = 10000;
inline constexpr size_t kMaxVerifications = 1000;  // of one call

struct IndexSweepRequest {
  uint64_t token = 0;
  uint64_t cut = 0;
  bool confirm_clock = false;  // the clock is right, however far it has gone
  bool validate_only = false;  // a plan: no fence is raised, nothing is gone
};

// The view of a sweep.
struct IndexSweep {
  uint64_t fence = 0;
  // All numbers up to this one were handed out before the view was taken.
  uint64_t sequence = 0;
  uint64_t listed_count = 0;
  uint64_t trash_count = 0;
  uint64_t gone_count = 0;
  uint64_t open_sessions = 0;
  bool clock_jumped = false;
  std::optional<absl::Time> next_trash_end;
  std::optional<SessionName> oldest_session;  // open, of the lowest epoch
};

struct GoneEvents {
  std::vector<Record> events;  // kind kEvent, raw
  bool done = false;
};

// Snapshots that are listed, or in trash too.
struct SnapshotScope {
  NamespaceName parent;
  uint32_t max_depth = 0;           // as SnapshotQuery
  std::optional<GroupName> group;   // set: only this group
  std::vector<SnapshotName> names;  // if any: these alone, at most 1000
  bool trash = false;
  std::optional<absl::Time> published_before;
};

struct MarkProgress {
  uint64_t snapshots = 0;
  uint64_t pages = 0;       // distinct ones that were read
  uint64_t references = 0;  // entries of them
  uint64_t marks = 0;       // distinct; 0 until all are known
  uint64_t logical_bytes = 0;
};
using MarkProgressSink = absl::FunctionRef<void(const MarkProgress&)>;

struct DroppedPages {
  uint64_t dropped = 0;
  uint64_t dropped_bytes = 0;
  uint64_t spared = 0;  // unmarked, and touched at or above the cut
  bool done = false;
};

struct EndedSweep {
  uint64_t removed_snapshots = 0;
  uint64_t removed_groups = 0;
};

// What of a snapshot refers to records that cannot be had.
struct DamagedSnapshot {
  SnapshotName name;
  std::vector<DamagedRange> ranges;
  uint64_t damaged_bytes = 0;  // of all of them
};

struct SnapshotVerification {
  SnapshotName name;
  Verification verification;
};

// The part of index in a sweep and in a verify, as
// proto/cairn/index/v1/sweep_service.proto says. Thread-safe.
class IndexSweepClient {
 public:
  virtual ~IndexSweepClient() = default;

  // FailedPrecondition: STALE_TOKEN, GENERATION_MISMATCH.
  virtual absl::StatusOr<IndexSweep> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const IndexSweepRequest& request) = 0;
  virtual absl::StatusOr<GoneEvents> ListGoneEvents(
      const Call& call, const DatastoreRef& datastore, uint64_t token,
      uint64_t after_sequence) = 0;

  // Returns when all marks are known; `progress` is called meanwhile, on the
  // caller's thread. `call` outlives the stream. DataLoss: a page that cannot
  // be read. Aborted (SWEEP_LOST). A second Mark of a sweep starts anew.
  virtual absl::StatusOr<std::unique_ptr<MarkStream>> MarkSweep(
      const Call& call, const DatastoreRef& datastore, uint64_t token,
      const std::vector<std::string>& leased_snapshots,
      MarkProgressSink progress) = 0;
  virtual absl::StatusOr<std::unique_ptr<MarkStream>> MarkScope(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, MarkProgressSink progress) = 0;

  // `max_pages`: looked at, 1..1000000.
  virtual absl::StatusOr<DroppedPages> DropPages(const Call& call,
                                                 const DatastoreRef& datastore,
                                                 uint64_t token,
                                                 uint32_t max_pages,
                                                 bool dry_run) = 0;
  virtual absl::StatusOr<EndedSweep> EndSweep(const Call& call,
                                              const DatastoreRef& datastore,
                                              uint64_t token,
                                              bool remove_gone) = 0;

  // `take` gets each snapshot of the scope that refers to one of `records`
  // (at most 100000 marks), with at most `max_ranges` ranges.
  virtual absl::Status FindReferences(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, const std::vector<MarkRun>& records,
      uint32_t max_ranges,
      absl::FunctionRef<void(const DamagedSnapshot&)> take) = 0;

  // At most 1000, synced. What is gone is passed over.
  virtual absl::Status SaveVerifications(
      const Call& call, const DatastoreRef& datastore,
      const std::vector<SnapshotVerification>& verifications) = 0;
};

}  // namespace cairn
