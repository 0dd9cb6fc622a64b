#include "common/prune/prune_guards.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/names.h"

namespace cairn {
namespace {

using Snapshots = std::span<const GuardedSnapshot>;
using Decisions = std::vector<PruneDecision>;

bool IsRemoved(const PruneDecision& decision) {
  return decision.action == PruneAction::kRemove;
}

void KeepAll(const std::string& reason, Decisions& decisions) {
  for (PruneDecision& decision : decisions) {
    if (IsRemoved(decision)) decision = {PruneAction::kKeep, reason};
  }
}

// Why the clock guard refuses the group, or "".
std::string ClockRefusal(Snapshots snapshots, absl::Time now) {
  int64_t newest = 0;
  for (const GuardedSnapshot& guarded : snapshots) {
    newest = std::max(newest, guarded.snapshot.time);
  }
  const absl::Duration lag = absl::FromUnixSeconds(newest) - now;
  if (lag <= kMaxPruneClockLag) return "";
  return absl::StrCat("clock guard: the newest snapshot is ",
                      FormatSnapshotTime(newest), ", the clock ",
                      absl::ToInt64Seconds(lag),
                      " s behind it; set the clock, or confirm it");
}

// The newest finished snapshot in that state.
std::optional<size_t> NewestOf(Snapshots snapshots, VerifyState state) {
  std::optional<size_t> newest;
  for (size_t i = 0; i < snapshots.size(); ++i) {
    const GuardedSnapshot& guarded = snapshots[i];
    if (!guarded.snapshot.finished || guarded.verify_state != state) continue;
    if (!newest.has_value() ||
        guarded.snapshot.time > snapshots[*newest].snapshot.time) {
      newest = i;
    }
  }
  return newest;
}

// Whether every finished snapshot that stays is known to be damaged.
bool OnlyDamagedStay(Snapshots snapshots, const Decisions& decisions) {
  for (size_t i = 0; i < snapshots.size(); ++i) {
    if (snapshots[i].snapshot.finished && !IsRemoved(decisions[i]) &&
        snapshots[i].verify_state != VerifyState::kFailed) {
      return false;
    }
  }
  return true;
}

void KeepLastGood(Snapshots snapshots, Decisions& decisions) {
  std::string reason = "last-good guard: the newest that was verified good";
  std::optional<size_t> last = NewestOf(snapshots, VerifyState::kOk);
  if (!last.has_value() && OnlyDamagedStay(snapshots, decisions)) {
    reason = "last-good guard: the newest that is not known to be damaged";
    last = NewestOf(snapshots, VerifyState::kNever);
  }
  if (!last.has_value() || !IsRemoved(decisions[*last])) return;
  decisions[*last] = {PruneAction::kKeep, reason};
}

// Why the share guard refuses the group, or "".
std::string ShareRefusal(Snapshots snapshots, const Decisions& decisions,
                         uint32_t max_share_percent) {
  uint64_t finished = 0;
  uint64_t removed = 0;
  for (size_t i = 0; i < snapshots.size(); ++i) {
    if (!snapshots[i].snapshot.finished) continue;
    ++finished;
    if (IsRemoved(decisions[i])) ++removed;
  }
  if (removed <= kPruneShareFreeRemovals ||
      removed * 100 <= finished * max_share_percent) {
    return "";
  }
  return absl::StrCat("share guard: ", removed, " of ", finished,
                      " snapshots would be removed, ", max_share_percent,
                      " % may be; check the keep rules, or allow it");
}

}  // namespace

GuardedDecisions ApplyPruneGuards(Snapshots snapshots, Decisions decisions,
                                  const PruneGuardOptions& options,
                                  absl::Time now) {
  std::string refused;
  if (std::ranges::none_of(decisions, IsRemoved)) {
    return {.decisions = std::move(decisions)};
  }
  if (!options.confirm_clock) refused = ClockRefusal(snapshots, now);
  if (refused.empty() && !options.allow_last_good) {
    KeepLastGood(snapshots, decisions);
  }
  if (refused.empty() && !options.allow_share) {
    refused = ShareRefusal(snapshots, decisions, options.max_share_percent);
  }
  if (!refused.empty()) KeepAll(refused, decisions);
  return {.decisions = std::move(decisions), .refused = std::move(refused)};
}

}  // namespace cairn
