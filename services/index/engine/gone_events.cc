#include "services/index/engine/gone_events.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/model/catalog_record.h"
#include "common/status/status_macros.h"
#include "common/wire/catalog_records.h"
#include "services/index/domain/raw_record.h"
#include "services/index/engine/snapshot_walk.h"

namespace cairn::index {
namespace {

constexpr size_t kMaxEvents = 16;
constexpr size_t kMaxEventBytes = size_t{4} << 20;
// Nobody has asked for it.
constexpr char kPrincipal[] = "index@service";

struct GoneTogether {
  std::vector<SnapshotName> names;
  uint64_t token = 0;
  // What it says of itself is made of the rows alone.
  absl::Time time = absl::InfinitePast();
};

// By sequence, the first ones after `after`, and one more, if there is one.
absl::StatusOr<std::map<uint64_t, GoneTogether>> FindGone(const Sweep& sweep,
                                                          uint64_t after) {
  std::map<uint64_t, GoneTogether> gone;
  if (sweep.numbers.gone_count == 0) return gone;
  const auto visit = [&](const SnapshotName& name,
                         const SnapshotRow& row) -> absl::Status {
    RETURN_IF_ERROR(sweep.CheckNotLost());
    if (row.state != SnapshotState::kGone || row.state_sequence <= after) {
      return absl::OkStatus();
    }
    if (gone.size() > kMaxEvents && row.state_sequence > gone.rbegin()->first) {
      return absl::OkStatus();
    }
    GoneTogether& together = gone[row.state_sequence];
    if (together.names.size() == kMaxSnapshotsPerChange) {
      return absl::DataLossError(absl::StrCat(
          "more than ", kMaxSnapshotsPerChange, " snapshots, ", name.ToString(),
          " among them, are gone by one change ", row.state_sequence));
    }
    together.names.push_back(name);
    together.token = std::max(together.token, row.gone_token);
    together.time = std::max(together.time, row.trash_until);
    if (gone.size() > kMaxEvents + 1) gone.erase(std::prev(gone.end()));
    return absl::OkStatus();
  };
  RETURN_IF_ERROR(VisitSnapshots(sweep.view, sweep.datastore->info, visit));
  return gone;
}

}  // namespace

absl::StatusOr<GoneEvents> ListGoneEvents(Sweep& sweep,
                                          uint64_t after_sequence) {
  RETURN_IF_ERROR(sweep.CheckNotLost());
  ASSIGN_OR_RETURN(auto gone, FindGone(sweep, after_sequence));
  const Datastore& info = sweep.datastore->info;
  GoneEvents answer{.events = {}, .done = true};
  uint64_t last = after_sequence;
  size_t bytes = 0;
  for (auto& [sequence, together] : gone) {
    const EventHeader header = {.datastore = info.ref,
                                .sequence = sequence,
                                .time = together.time,
                                .principal = kPrincipal};
    Record event = MakeRawRecord(
        RecordKind::kEvent, sequence,
        EncodeEvent(header,
                    SnapshotsGoneChange{.datastore = info.name,
                                        .names = std::move(together.names),
                                        .token = together.token}));
    bytes += event.payload.size();
    if (answer.events.size() == kMaxEvents ||
        (bytes > kMaxEventBytes && !answer.events.empty())) {
      answer.done = false;
      break;
    }
    answer.events.push_back(std::move(event));
    last = sequence;
  }
  absl::MutexLock lock(&sweep.mutex);
  // Told without a gap, or not told.
  if (after_sequence <= sweep.told_sequence) {
    sweep.told_sequence = std::max(sweep.told_sequence, last);
    sweep.told_all |= answer.done;
  }
  return answer;
}

}  // namespace cairn::index
