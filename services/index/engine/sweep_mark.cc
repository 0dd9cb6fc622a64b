#include "services/index/engine/sweep_mark.h"

#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/digest/sha256.h"
#include "common/page/page_tree_builder.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/sweep_rules.h"
#include "services/index/engine/snapshot_walk.h"

namespace cairn::index {
namespace {

using Keys = absl::flat_hash_set<std::string>;

absl::StatusOr<Keys> KeysOf(const Datastore& datastore,
                            const std::vector<std::string>& names) {
  if (names.size() > kMaxLeasedSnapshots) {
    return absl::InvalidArgumentError(
        absl::StrCat("leased_snapshots has ", names.size(),
                     " items, allowed are at most ", kMaxLeasedSnapshots));
  }
  Keys keys;
  for (const std::string& text : names) {
    ASSIGN_OR_RETURN(const SnapshotName name, SnapshotName::Parse(text));
    if (name.group.parent.datastore != datastore.name) {
      return absl::InvalidArgumentError(absl::StrCat(
          "leased snapshot ", text, " is not of datastore ", datastore.name));
    }
    keys.insert(SnapshotKey(datastore.ref.uuid, name));
  }
  return keys;
}

// Adds the roots of one sweep to a walk.
class SweepRoots {
 public:
  SweepRoots(const Sweep& sweep, const Keys& leased, MarkWalk* walk)
      : sweep_(sweep), leased_(leased), walk_(*walk) {}

  absl::Status Add() {
    const Datastore& info = sweep_.datastore->info;
    RETURN_IF_ERROR(VisitSnapshots(
        sweep_.view, info,
        [this](const SnapshotName& name, const SnapshotRow& row) {
          return AddSnapshot(name, row);
        }));
    RETURN_IF_ERROR(CheckCounts());
    return VisitSessions(sweep_.view, info.ref.uuid,
                         [this](const Uuid& id, const SessionRow& row) {
                           return AddSession(id, row);
                         });
  }

  Keys TakeHeldGone() { return std::move(held_gone_); }

 private:
  absl::Status AddSnapshot(const SnapshotName& name, const SnapshotRow& row) {
    std::string key = SnapshotKey(sweep_.datastore->info.ref.uuid, name);
    const bool leased = leased_.contains(key);
    MarkHolder holder = MarkHolder::kListed;
    switch (row.state) {
      case SnapshotState::kListed:
        ++listed_;
        break;
      case SnapshotState::kTrash:
        ++trash_;
        if (leased) break;
        if (sweep_.would_end_trash.has_value() &&
            IsTrashOver(row, *sweep_.would_end_trash)) {
          return absl::OkStatus();
        }
        holder = MarkHolder::kTrash;
        break;
      case SnapshotState::kGone:
        ++gone_;
        if (!leased) return absl::OkStatus();
        held_gone_.insert(std::move(key));
        break;
    }
    return walk_.AddSnapshot(row.archives, row.manifest, holder);
  }

  // Of rows that were lost, or counted wrong, nobody knows what they hold.
  absl::Status CheckCounts() const {
    const IndexState& numbers = sweep_.numbers;
    if (listed_ == numbers.snapshot_count && trash_ == numbers.trash_count &&
        gone_ == numbers.gone_count) {
      return absl::OkStatus();
    }
    return absl::DataLossError(
        absl::StrCat("datastore ", sweep_.datastore->info.name, " has ",
                     listed_, " snapshots listed, ", trash_, " in trash and ",
                     gone_, " gone, its counts say ", numbers.snapshot_count,
                     ", ", numbers.trash_count, " and ", numbers.gone_count,
                     ": nothing is swept; build index again from the packs"));
  }

  absl::Status AddSession(const Uuid& id, const SessionRow& row) {
    if (row.state != SessionState::kOpen || row.epoch < sweep_.cut) {
      return absl::OkStatus();
    }
    for (const Archive& archive : row.base_archives) {
      RETURN_IF_ERROR(walk_.AddPage(archive.root.level, archive.root.page,
                                    MarkHolder::kSession));
    }
    if (!row.manifest.empty()) {
      RETURN_IF_ERROR(
          walk_.AddManifest(Sha256(row.manifest), MarkHolder::kSession));
    }
    ASSIGN_OR_RETURN(const std::vector<ArchiveCheckpoint> checkpoints,
                     sweep_.view.ListCheckpoints(id));
    for (const ArchiveCheckpoint& checkpoint : checkpoints) {
      const absl::Status added = AddCheckpoint(checkpoint);
      if (!added.ok()) {
        return WithContext(added, absl::StrCat("session ", id.ToString(),
                                               ", archive ", checkpoint.name));
      }
    }
    return absl::OkStatus();
  }

  absl::Status AddCheckpoint(const ArchiveCheckpoint& checkpoint) {
    if (checkpoint.root.has_value()) {
      return walk_.AddPage(checkpoint.root->level, checkpoint.root->page,
                           MarkHolder::kSession);
    }
    if (checkpoint.builder_state.empty()) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        const PageTreeBuilder builder,
        PageTreeBuilder::Restore(PageCutRule{}, checkpoint.builder_state));
    for (const PendingPage& page : builder.PendingPages()) {
      RETURN_IF_ERROR(
          walk_.AddPage(page.level, page.page, MarkHolder::kSession));
    }
    for (const ChunkEntry& entry : builder.PendingEntries()) {
      if (entry.is_hole) continue;
      RETURN_IF_ERROR(
          walk_.AddChunk(entry.domain, entry.digest, MarkHolder::kSession));
    }
    return absl::OkStatus();
  }

  const Sweep& sweep_;
  const Keys& leased_;
  MarkWalk& walk_;
  Keys held_gone_;
  uint64_t listed_ = 0;
  uint64_t trash_ = 0;
  uint64_t gone_ = 0;
};

}  // namespace

absl::Status WalkReporter::Tick(const MarkProgress& progress) {
  if (call_.cancellation != nullptr) {
    RETURN_IF_ERROR(call_.cancellation->Check());
  }
  const absl::Duration now = clock_.Monotonic();
  if (now < next_) return absl::OkStatus();
  next_ = now + kInterval;
  progress_(progress);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<MarkStream>> MarkSweep(
    const Call& call, Sweep& sweep, const std::vector<std::string>& leased,
    const MarkWalk::Options& options, RunDirectory* runs, const Clock& clock,
    IndexMetrics& metrics, MarkProgressSink progress) {
  ASSIGN_OR_RETURN(const Keys leased_keys,
                   KeysOf(sweep.datastore->info, leased));
  const uint64_t round = sweep.mark_round.fetch_add(1) + 1;
  WalkReporter reporter(&call, &clock, progress);
  const auto check_alone = [&]() -> absl::Status {
    RETURN_IF_ERROR(sweep.CheckNotLost());
    if (sweep.mark_round.load() == round) return absl::OkStatus();
    return absl::AbortedError(
        absl::StrCat("sweep ", sweep.token, " is marked anew by another call"));
  };
  const auto tick = [&](const MarkProgress& so_far) -> absl::Status {
    RETURN_IF_ERROR(check_alone());
    return reporter.Tick(so_far);
  };
  MarkWalk walk(options, &sweep.view, sweep.datastore->info.ref.uuid, runs,
                tick);
  SweepRoots roots(sweep, leased_keys, &walk);
  RETURN_IF_ERROR(roots.Add());
  ASSIGN_OR_RETURN(const WalkedMarks marks, walk.Run());
  metrics.marked_pages.Increment(static_cast<double>(marks.progress.pages));
  metrics.marked_references.Increment(
      static_cast<double>(marks.progress.references));
  {
    absl::MutexLock lock(&sweep.mutex);
    RETURN_IF_ERROR(check_alone());
    sweep.marks = marks.records;
    sweep.held_gone = roots.TakeHeldGone();
    sweep.drop = {};
  }
  reporter.Tell(marks.progress);
  return marks.NewStream();
}

}  // namespace cairn::index
