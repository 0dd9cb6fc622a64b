#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/model/catalog.h"
#include "common/prune/prune_selection.h"

// What stands between a selection and its execution. Pure. A simulation does
// without: it shows what the rules select.
namespace cairn {

struct GuardedSnapshot {
  PruneSnapshot snapshot;
  VerifyState verify_state = VerifyState::kNever;
};

struct PruneGuardOptions {
  // Removes the newest snapshot that was verified good, too.
  bool allow_last_good = false;
  // Goes on although the clock is behind the newest snapshot.
  bool confirm_clock = false;
  // Removes more than max_share_percent of a group.
  bool allow_share = false;
  // Of a group's finished snapshots; from 100 on nothing is too much.
  uint32_t max_share_percent = 50;
  friend bool operator==(const PruneGuardOptions&,
                         const PruneGuardOptions&) = default;
};

// How far the clock may be behind the newest snapshot: two machines' clocks.
inline constexpr absl::Duration kMaxPruneClockLag = absl::Minutes(5);

// So many removals from a group are no matter of share. A nightly prune
// removes one snapshot a group, two after a night that was missed, and of a
// group of three that may be all but the newest. It would be refused, grow
// with the next backup, and be refused for ever.
inline constexpr uint64_t kPruneShareFreeRemovals = 2;

struct GuardedDecisions {
  std::vector<PruneDecision> decisions;  // as the arguments
  // The guard that keeps the whole group, with what it found; else empty.
  std::string refused;
};

// Takes back removals that a guard does not allow, which a group without any
// passes; decisions[i] is of
// snapshots[i], both of ONE group. A removal that is taken back is kKeep, its
// reason begins with the guard:
//
//   last-good guard: the newest that was verified good
//   last-good guard: the newest that is not known to be damaged
//   clock guard: the newest snapshot is 2020-12-06T00:00:00Z, the clock 3600 s
//       behind it; set the clock, or confirm it
//   share guard: 8 of 10 snapshots would be removed, 50 % may be; check the
//       keep rules, or allow it
//
// In this order:
// - clock: `now` is behind the newest snapshot, finished or not, by more than
//   kMaxPruneClockLag: all of the group is kept. Snapshots are stamped by the
//   clocks of servers, and one of the two is wrong.
// - last good: the newest finished snapshot that was verified good stays, also
//   if older good ones do. If none ever was, and all finished ones that would
//   stay are known to be damaged, the newest that is not stays.
// - share: more than max_share_percent of the finished snapshots, and more
//   than kPruneShareFreeRemovals, would be removed: all of the group is kept.
GuardedDecisions ApplyPruneGuards(std::span<const GuardedSnapshot> snapshots,
                                  std::vector<PruneDecision> decisions,
                                  const PruneGuardOptions& options,
                                  absl::Time now);

}  // namespace cairn
