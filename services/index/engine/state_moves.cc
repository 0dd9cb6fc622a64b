#include "services/index/engine/state_moves.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/snapshot_counts.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

// The first step back in time, about one day; each further one is four times
// as long.
constexpr int64_t kFirstStepSeconds = 100000;

bool IsListed(const SnapshotRow& row) {
  return row.state == SnapshotState::kListed;
}

}  // namespace

void StateMoves::Move(const SnapshotName& name, const SnapshotRow& before,
                      const SnapshotRow& after) {
  TakeFromCounts(before, numbers_);
  AddToCounts(after, numbers_);
  batch_.PutSnapshot(name, after);
  if (IsListed(before) != IsListed(after)) {
    groups_[name.group][name.time] = IsListed(after);
  }
}

absl::Status StateMoves::Finish() {
  for (const auto& [name, moved] : groups_) {
    RETURN_IF_ERROR(FinishGroup(name, moved));
  }
  return absl::OkStatus();
}

absl::Status StateMoves::FinishGroup(const GroupName& name,
                                     const Moved& moved) {
  ASSIGN_OR_RETURN(std::optional<GroupRow> group, view_.GetGroup(name));
  if (!group.has_value()) {
    return absl::DataLossError(absl::StrCat(
        "group ", name.ToString(), " has snapshots and no row of its own"));
  }
  int64_t newest = group->newest_listed_time;
  for (const auto& [time, listed] : moved) {
    if (listed) {
      ++group->listed_count;
      newest = std::max(newest, time);
    } else {
      --group->listed_count;
    }
  }
  ASSIGN_OR_RETURN(group->newest_listed_time,
                   NewestListed(name, moved, newest));
  batch_.PutGroup(name, *group);
  return absl::OkStatus();
}

absl::StatusOr<int64_t> StateMoves::NewestListed(const GroupName& name,
                                                 const Moved& moved,
                                                 int64_t newest) const {
  const auto known = moved.find(newest);
  if (newest == 0 || known == moved.end() || known->second) return newest;
  const std::string group_key = GroupKey(datastore_, name);
  int64_t end = newest;
  for (int64_t step = kFirstStepSeconds; end > 1; step *= 4) {
    const int64_t begin = std::max<int64_t>(1, end - std::min(step, end));
    int64_t found = 0;
    const auto cursor =
        view_.Scan(Table::kSnapshots, SnapshotKeyAt(group_key, begin),
                   SnapshotKeyAt(group_key, end));
    for (; cursor->Valid(); cursor->Next()) {
      const std::optional<ParsedSnapshotKey> key =
          ParseSnapshotKey(cursor->key());
      if (!key.has_value()) {
        return DamagedRow(Table::kSnapshots, cursor->key(),
                          absl::DataLossError("the key names nothing"));
      }
      const auto changed = moved.find(key->time);
      if (changed != moved.end()) {
        if (changed->second) found = key->time;
        continue;
      }
      ASSIGN_OR_RETURN(const SnapshotRow row,
                       DecodeAt(Table::kSnapshots, *cursor, DecodeSnapshot));
      if (IsListed(row)) found = key->time;
    }
    RETURN_IF_ERROR(cursor->status());
    if (found != 0) return found;
    end = begin;
  }
  return 0;
}

}  // namespace cairn::index
