#include "common/prune/prune_selection.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/civil_time.h"
#include "common/model/names.h"
#include "common/prune/iso_week.h"

namespace cairn {
namespace {

// In the order in which they are applied, behind keep_within.
enum class Rule : uint8_t {
  kLast,
  kHourly,
  kDaily,
  kWeekly,
  kMonthly,
  kYearly
};

struct Entry {
  size_t index = 0;  // in the arguments
  PruneSnapshot snapshot;
  absl::CivilSecond local;
  std::optional<PruneAction> mark;
  // The rule that marked it; with a keeper the one by which another snapshot
  // stands for its period. None: keep_within, or none at all.
  std::optional<Rule> rule;
  const Entry* keeper = nullptr;
};

// The same for two snapshots if and only if they are of one period.
int64_t PeriodOf(Rule rule, const Entry& entry) {
  switch (rule) {
    case Rule::kLast:
      return entry.snapshot.time;
    case Rule::kHourly:
      return absl::CivilHour(entry.local) - absl::CivilHour();
    case Rule::kDaily:
      return absl::CivilDay(entry.local) - absl::CivilDay();
    case Rule::kWeekly:
      return MondayOf(absl::CivilDay(entry.local)) - absl::CivilDay();
    case Rule::kMonthly:
      return absl::CivilMonth(entry.local) - absl::CivilMonth();
    case Rule::kYearly:
      return entry.local.year();
  }
  return 0;
}

std::string PeriodText(Rule rule, const Entry& entry) {
  const absl::CivilSecond& t = entry.local;
  switch (rule) {
    case Rule::kLast:
      return "last";
    case Rule::kHourly:
      return absl::StrFormat("hourly %04d-%02d-%02d %02dh", t.year(), t.month(),
                             t.day(), t.hour());
    case Rule::kDaily:
      return absl::StrFormat("daily %04d-%02d-%02d", t.year(), t.month(),
                             t.day());
    case Rule::kWeekly: {
      const IsoWeek week = IsoWeekOf(absl::CivilDay(t));
      return absl::StrFormat("weekly %04d-W%02d", week.year, week.week);
    }
    case Rule::kMonthly:
      return absl::StrFormat("monthly %04d-%02d", t.year(), t.month());
    case Rule::kYearly:
      return absl::StrFormat("yearly %04d", t.year());
  }
  return "";
}

// Newest first. What is of the same second is in an order of its own, so that
// the order of the arguments has no say.
std::vector<Entry> SortedEntries(std::span<const PruneSnapshot> snapshots,
                                 const absl::TimeZone& zone) {
  std::vector<Entry> entries(snapshots.size());
  for (size_t i = 0; i < snapshots.size(); ++i) {
    entries[i].index = i;
    entries[i].snapshot = snapshots[i];
    entries[i].local =
        absl::ToCivilSecond(absl::FromUnixSeconds(snapshots[i].time), zone);
  }
  const auto key = [](const Entry& entry) {
    return std::make_tuple(entry.snapshot.time, entry.snapshot.finished,
                           !entry.snapshot.is_protected);
  };
  std::sort(entries.begin(), entries.end(),
            [&](const Entry& a, const Entry& b) { return key(a) > key(b); });
  return entries;
}

void MarkUnfinished(std::vector<Entry>& entries) {
  for (Entry& entry : entries) {
    if (entry.snapshot.finished) continue;
    entry.mark = &entry == &entries.front() ? PruneAction::kKeepPartial
                                            : PruneAction::kRemove;
  }
}

void KeepWithin(const CalendarSpan& span, const absl::TimeZone& zone,
                std::vector<Entry>& entries) {
  const auto newest =
      std::find_if(entries.begin(), entries.end(),
                   [](const Entry& entry) { return entry.snapshot.finished; });
  if (newest == entries.end()) return;
  const absl::Time oldest =
      span.Before(absl::FromUnixSeconds(newest->snapshot.time), zone);
  for (Entry& entry : entries) {
    if (absl::FromUnixSeconds(entry.snapshot.time) < oldest) break;
    if (entry.mark.has_value() || entry.snapshot.is_protected) continue;
    entry.mark = PruneAction::kKeep;
  }
}

void KeepPeriods(Rule rule, uint32_t count, std::vector<Entry>& entries) {
  absl::flat_hash_map<int64_t, const Entry*> covered;
  for (const Entry& entry : entries) {
    if (entry.mark != PruneAction::kKeep) continue;
    covered.emplace(PeriodOf(rule, entry), &entry);
  }
  absl::flat_hash_map<int64_t, const Entry*> chosen;
  for (Entry& entry : entries) {
    if (entry.mark.has_value() || entry.snapshot.is_protected) continue;
    const int64_t period = PeriodOf(rule, entry);
    const auto keeper = covered.find(period);
    if (keeper != covered.end()) {
      if (entry.keeper != nullptr) continue;
      entry.rule = rule;
      entry.keeper = keeper->second;
      continue;
    }
    const auto winner = chosen.find(period);
    if (winner == chosen.end() && chosen.size() == count) break;
    entry.rule = rule;
    if (winner == chosen.end()) {
      chosen.emplace(period, &entry);
      entry.mark = PruneAction::kKeep;
      entry.keeper = nullptr;
    } else {
      entry.mark = PruneAction::kRemove;
      entry.keeper = winner->second;
    }
  }
}

void ApplyRules(const PruneOptions& options, const absl::TimeZone& zone,
                std::vector<Entry>& entries) {
  if (!options.keep_within.is_zero()) {
    KeepWithin(options.keep_within, zone, entries);
  }
  const std::pair<Rule, uint32_t> rules[] = {
      {Rule::kLast, options.keep_last},
      {Rule::kHourly, options.keep_hourly},
      {Rule::kDaily, options.keep_daily},
      {Rule::kWeekly, options.keep_weekly},
      {Rule::kMonthly, options.keep_monthly},
      {Rule::kYearly, options.keep_yearly}};
  for (const auto& [rule, count] : rules) {
    if (count > 0) KeepPeriods(rule, count, entries);
  }
}

PruneDecision Decide(const Entry& entry, const PruneOptions& options) {
  if (entry.snapshot.is_protected) {
    return {PruneAction::kProtected, "protected"};
  }
  if (entry.mark == PruneAction::kKeepPartial) {
    return {*entry.mark, "unfinished, newest: assumed to be running"};
  }
  if (!options.KeepsAnything()) {
    return {PruneAction::kKeep, "no keep rule: all are kept"};
  }
  const PruneAction action = entry.mark.value_or(PruneAction::kRemove);
  if (!entry.snapshot.finished) return {action, "unfinished"};
  if (entry.keeper != nullptr) {
    return {action,
            absl::StrCat(PeriodText(*entry.rule, entry), " is kept by ",
                         FormatSnapshotTime(entry.keeper->snapshot.time))};
  }
  if (entry.rule.has_value()) return {action, PeriodText(*entry.rule, entry)};
  if (action == PruneAction::kRemove) return {action, "no rule keeps it"};
  return {action, absl::StrCat("within ", options.keep_within.ToString())};
}

}  // namespace

std::string_view PruneActionName(PruneAction action) {
  switch (action) {
    case PruneAction::kKeep:
      return "keep";
    case PruneAction::kRemove:
      return "remove";
    case PruneAction::kProtected:
      return "protected";
    case PruneAction::kKeepPartial:
      return "keep-partial";
  }
  return "unknown";
}

std::vector<PruneDecision> SelectSnapshots(
    std::span<const PruneSnapshot> snapshots, const PruneOptions& options,
    const absl::TimeZone& zone) {
  std::vector<Entry> entries = SortedEntries(snapshots, zone);
  MarkUnfinished(entries);
  ApplyRules(options, zone, entries);
  std::vector<PruneDecision> decisions(entries.size());
  for (const Entry& entry : entries) {
    decisions[entry.index] = Decide(entry, options);
  }
  return decisions;
}

}  // namespace cairn
