#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "common/prune/calendar_span.h"

// Which snapshots of a group a prune keeps: the selection of PBS, with one
// rule more. Pure: the same arguments, the same answer.
namespace cairn {

// How many a group keeps. 0 and a span of 0: no such rule.
struct PruneOptions {
  uint32_t keep_last = 0;
  uint32_t keep_hourly = 0;
  uint32_t keep_daily = 0;
  uint32_t keep_weekly = 0;  // ISO weeks
  uint32_t keep_monthly = 0;
  uint32_t keep_yearly = 0;
  CalendarSpan keep_within;

  // False: there is no rule, and everything is kept.
  bool KeepsAnything() const { return *this != PruneOptions{}; }
  friend bool operator==(const PruneOptions&, const PruneOptions&) = default;
};

struct PruneSnapshot {
  int64_t time = 0;           // Unix seconds, 1..kMaxSnapshotTime
  bool is_protected = false;  // never removed, and counts for no rule
  bool finished = true;       // false: a backup that runs or was given up
};

// kKeepPartial: unfinished, and the newest of all.
enum class PruneAction : uint8_t { kKeep, kRemove, kProtected, kKeepPartial };
// "keep", "remove", "protected", "keep-partial".
std::string_view PruneActionName(PruneAction action);

struct PruneDecision {
  PruneAction action = PruneAction::kKeep;
  // Why. Of what is kept, the rule and its period in local time:
  //
  //   last
  //   hourly 2020-11-29 08h
  //   daily 2020-11-29
  //   weekly 2020-W48
  //   monthly 2020-11
  //   yearly 2020
  //   within 1y6m
  //   no keep rule: all are kept
  //   protected
  //   unfinished, newest: assumed to be running
  //
  // Of what is removed; the time is the keeper's, in UTC:
  //
  //   weekly 2020-W48 is kept by 2020-11-29T20:15:00Z
  //   no rule keeps it
  //   unfinished
  std::string reason;
  friend bool operator==(const PruneDecision&, const PruneDecision&) = default;
};

// Decides about the snapshots of ONE group, in any order; decisions[i] is of
// snapshots[i]. Periods (hours to years) are those of local time in `zone`.
//
// 1. Without any rule all are kept.
// 2. An unfinished snapshot is kept if it is the newest of all, else removed.
// 3. The rules come one after the other: within, last, hourly, daily, weekly,
//    monthly, yearly. What a rule has marked, to be kept or to be removed, no
//    later rule looks at again.
// 4. A rule that keeps N first collects the periods that earlier rules' kept
//    snapshots cover. Then, from the newest on: what is in a covered period is
//    passed over, and a later rule may keep it; else the first of each period
//    is kept, for N periods, and further ones of the same period are removed.
// 5. Protected snapshots are passed over by all rules: they are never removed,
//    cover no period and use up no N. What no rule marked is removed.
//
// The covered periods are collected in a loop of their own since weeks are no
// subset of months: a week's keeper may be older than the snapshot that is
// looked at, and of the same month.
//
// keep_within keeps what is not older than that span before the group's newest
// finished snapshot (protected or not), that moment included: not before now,
// so that a group without new backups keeps what it has. It comes first, as a
// rule of its own, and what it keeps covers periods as any other rule's: with
// "within 7d, daily 7" the seven days are those before the week, and not the
// same ones once more.
//
// Snapshots of the same second, which a group has none of, are of one period
// by every rule.
std::vector<PruneDecision> SelectSnapshots(
    std::span<const PruneSnapshot> snapshots, const PruneOptions& options,
    const absl::TimeZone& zone);

}  // namespace cairn
