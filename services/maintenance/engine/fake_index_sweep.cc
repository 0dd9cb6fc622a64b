#include "services/maintenance/engine/fake_index_sweep.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {
namespace {

class FakeMarks final : public MarkStream {
 public:
  explicit FakeMarks(std::vector<MarkRun> runs) : runs_(std::move(runs)) {}
  absl::StatusOr<std::optional<MarkRun>> Next() override {
    if (next_ == runs_.size()) return std::optional<MarkRun>();
    return std::optional<MarkRun>(runs_[next_++]);
  }

 private:
  const std::vector<MarkRun> runs_;
  size_t next_ = 0;
};

}  // namespace

absl::Status FakeIndexSweep::Enter(const Call& call, std::string_view method) {
  if (hook_) RETURN_IF_ERROR(hook_(method));
  return call.cancellation == nullptr ? absl::OkStatus()
                                      : call.cancellation->Check();
}

absl::Status FakeIndexSweep::CheckToken(uint64_t token) const {
  if (token == token_) return absl::OkStatus();
  return WithReason(absl::AbortedError("the sweep is lost"),
                    reason::kSweepLost);
}

void FakeIndexSweep::AddTo(Marks& marks, const std::vector<RecordKey>& records,
                           MarkHolder holder) const {
  for (const RecordKey& key : records) {
    const auto [at, is_new] =
        marks.emplace(MarkKey(key.kind, MarkPrefix(key.digest)), holder);
    if (!is_new) at->second = std::min(at->second, holder);
  }
}

absl::StatusOr<IndexSweep> FakeIndexSweep::BeginSweep(
    const Call& call, const DatastoreRef& datastore,
    const IndexSweepRequest& request) {
  RETURN_IF_ERROR(Enter(call, "BeginSweep"));
  FenceState fence = index_->fence(datastore);
  if (request.token < fence.highest_token) {
    return WithReason(absl::FailedPreconditionError("a lower token"),
                      reason::kStaleToken);
  }
  token_ = fence.highest_token = request.token;
  cut_ = request.cut;
  validate_only_ = request.validate_only;
  const bool jumped = clock_jumped_ && !request.confirm_clock;
  if (!request.validate_only) {
    fence.fence = std::max(fence.fence, request.cut);
    for (Snapshot snapshot : index_->snapshots()) {
      if (snapshot.state != SnapshotState::kTrash || jumped ||
          *snapshot.trash_until > clock_->Now()) {
        continue;
      }
      snapshot.state = SnapshotState::kGone;
      gone_[snapshot.name] = ++fence.sequence;
      index_->PutSnapshot(snapshot);
    }
  }
  index_->SetFence(datastore, fence);
  view_ = index_->snapshots();
  leased_.clear();
  IndexSweep sweep;
  sweep.fence = fence.fence;
  sweep.sequence = fence.sequence;
  sweep.open_sessions = sessions_.size();
  sweep.clock_jumped = jumped;
  for (const Snapshot& snapshot : view_) {
    if (snapshot.state == SnapshotState::kListed) ++sweep.listed_count;
    if (snapshot.state == SnapshotState::kGone) ++sweep.gone_count;
    if (snapshot.state != SnapshotState::kTrash) continue;
    ++sweep.trash_count;
    sweep.next_trash_end =
        std::min(sweep.next_trash_end.value_or(absl::InfiniteFuture()),
                 *snapshot.trash_until);
  }
  return sweep;
}

absl::StatusOr<GoneEvents> FakeIndexSweep::ListGoneEvents(
    const Call& call, const DatastoreRef&, uint64_t token,
    uint64_t after_sequence) {
  RETURN_IF_ERROR(Enter(call, "ListGoneEvents"));
  RETURN_IF_ERROR(CheckToken(token));
  // One at a time, so that every reader must go on.
  GoneEvents events{.done = true};
  for (const auto& [name, sequence] : gone_) {
    if (sequence <= after_sequence) continue;
    if (!events.events.empty() && events.events.front().sequence < sequence) {
      events.done = false;
      continue;
    }
    events.done = events.events.empty();
    events.events.assign(1, Record{.key = {.kind = RecordKind::kEvent},
                                   .sequence = sequence,
                                   .payload = name.ToString()});
  }
  return events;
}

absl::StatusOr<std::unique_ptr<MarkStream>> FakeIndexSweep::MarkSweep(
    const Call& call, const DatastoreRef&, uint64_t token,
    const std::vector<std::string>& leased_snapshots,
    MarkProgressSink progress) {
  RETURN_IF_ERROR(Enter(call, "MarkSweep"));
  RETURN_IF_ERROR(CheckToken(token));
  leased_ = leased_snapshots;
  Marks marks;
  MarkProgress told;
  for (const Snapshot& snapshot : view_) {
    const bool is_leased = std::count(leased_.begin(), leased_.end(),
                                      snapshot.name.ToString()) > 0;
    if (snapshot.state == SnapshotState::kGone && !is_leased) continue;
    ++told.snapshots;
    AddTo(marks, references_[snapshot.name],
          snapshot.state == SnapshotState::kTrash && !is_leased
              ? MarkHolder::kTrash
              : MarkHolder::kListed);
  }
  for (const auto& [epoch, records] : sessions_) {
    if (epoch >= cut_) AddTo(marks, records, MarkHolder::kSession);
  }
  std::vector<MarkRun> runs;
  for (const auto& [key, holder] : marks) {
    runs.push_back({.kind = key.first, .marks = {{key.second, holder}}});
  }
  told.marks = marks.size();
  progress(told);
  return std::make_unique<FakeMarks>(std::move(runs));
}

std::vector<Snapshot> FakeIndexSweep::InScope(
    const SnapshotScope& scope) const {
  std::vector<Snapshot> snapshots = index_->snapshots();
  std::erase_if(snapshots, [&scope](const Snapshot& snapshot) {
    const SnapshotName& name = snapshot.name;
    if (!scope.names.empty()) {
      return std::count(scope.names.begin(), scope.names.end(), name) == 0;
    }
    return snapshot.state != SnapshotState::kListed ||
           (scope.group.has_value() && *scope.group != name.group) ||
           snapshot.publish_time >=
               scope.published_before.value_or(absl::InfiniteFuture());
  });
  return snapshots;
}

absl::StatusOr<std::unique_ptr<MarkStream>> FakeIndexSweep::MarkScope(
    const Call& call, const DatastoreRef&, const SnapshotScope& scope,
    MarkProgressSink progress) {
  RETURN_IF_ERROR(Enter(call, "MarkScope"));
  Marks marks;
  MarkProgress told;
  for (const Snapshot& snapshot : InScope(scope)) {
    ++told.snapshots;
    AddTo(marks, references_[snapshot.name], MarkHolder::kListed);
  }
  std::vector<MarkRun> runs;
  for (const auto& [key, holder] : marks) {
    runs.push_back({.kind = key.first, .marks = {{key.second, holder}}});
  }
  progress(told);
  return std::make_unique<FakeMarks>(std::move(runs));
}

absl::StatusOr<DroppedPages> FakeIndexSweep::DropPages(const Call& call,
                                                       const DatastoreRef&,
                                                       uint64_t token, uint32_t,
                                                       bool) {
  RETURN_IF_ERROR(Enter(call, "DropPages"));
  RETURN_IF_ERROR(CheckToken(token));
  return DroppedPages{.dropped = 1, .done = true};
}

absl::StatusOr<EndedSweep> FakeIndexSweep::EndSweep(const Call& call,
                                                    const DatastoreRef&,
                                                    uint64_t token,
                                                    bool remove_gone) {
  RETURN_IF_ERROR(Enter(call, "EndSweep"));
  EndedSweep ended;
  if (token != token_) return ended;
  token_ = 0;
  for (const Snapshot& snapshot : view_) {
    const std::string name = snapshot.name.ToString();
    if (!remove_gone || validate_only_ ||
        snapshot.state != SnapshotState::kGone ||
        std::count(leased_.begin(), leased_.end(), name) > 0) {
      continue;
    }
    ++ended.removed_snapshots;
    gone_.erase(snapshot.name);
    index_->RemoveSnapshot(name);
  }
  return ended;
}

absl::Status FakeIndexSweep::FindReferences(
    const Call& call, const DatastoreRef&, const SnapshotScope& scope,
    const std::vector<MarkRun>& records, uint32_t,
    absl::FunctionRef<void(const DamagedSnapshot&)> take) {
  RETURN_IF_ERROR(Enter(call, "FindReferences"));
  std::set<MarkKey> bad;
  for (const MarkRun& run : records) {
    for (const Mark& mark : run.marks) bad.insert({run.kind, mark.prefix});
  }
  for (const Snapshot& snapshot : InScope(scope)) {
    DamagedSnapshot damaged{.name = snapshot.name};
    uint64_t offset = 0;
    for (const RecordKey& key : references_[snapshot.name]) {
      if (bad.contains({key.kind, MarkPrefix(key.digest)})) {
        damaged.ranges.push_back({"root.img", offset, 100});
        damaged.damaged_bytes += 100;
      }
      offset += 100;
    }
    if (damaged.damaged_bytes > 0) take(damaged);
  }
  return absl::OkStatus();
}

absl::Status FakeIndexSweep::SaveVerifications(
    const Call& call, const DatastoreRef&,
    const std::vector<SnapshotVerification>& verifications) {
  RETURN_IF_ERROR(Enter(call, "SaveVerifications"));
  for (Snapshot snapshot : index_->snapshots()) {
    for (const SnapshotVerification& verification : verifications) {
      if (verification.name != snapshot.name) continue;
      snapshot.verification = verification.verification;
      index_->PutSnapshot(snapshot);
    }
  }
  return absl::OkStatus();
}

}  // namespace cairn::maintenance
