#include "services/index/engine/sweep_start.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/session_rules.h"
#include "services/index/domain/snapshot_counts.h"
#include "services/index/domain/sweep_rules.h"
#include "services/index/engine/snapshot_walk.h"
#include "services/index/storage/row_codec.h"

namespace cairn::index {
namespace {

absl::Status CheckRequest(const IndexSweepRequest& request) {
  if (request.token > 0 && request.cut > 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("token is ", request.token,
                                                 " and cut is ", request.cut,
                                                 ", allowed are 1 and more"));
}

// The open session that holds back the space of the most.
absl::Status FindOldest(const Sweep& sweep, IndexSweep& answer) {
  const Datastore& info = sweep.datastore->info;
  uint64_t lowest_epoch = 0;
  return VisitSessions(
      sweep.view, info.ref.uuid, [&](const Uuid& id, const SessionRow& row) {
        if (DeriveState(row, sweep.numbers.fence) != SessionState::kOpen) {
          return absl::OkStatus();
        }
        ++answer.open_sessions;
        if (answer.oldest_session.has_value() && row.epoch >= lowest_epoch) {
          return absl::OkStatus();
        }
        lowest_epoch = row.epoch;
        answer.oldest_session =
            SessionName{.datastore = info.name, .session = id};
        return absl::OkStatus();
      });
}

}  // namespace

absl::StatusOr<IndexSweep> SweepStart::Begin(DatastoreState& state,
                                             const IndexSweepRequest& request) {
  RETURN_IF_ERROR(CheckRequest(request));
  const absl::Time now = clock_->Now();
  IndexSweep answer;
  ASSIGN_OR_RETURN(answer.clock_jumped, RaiseFence(state, request, now));
  ASSIGN_OR_RETURN(answer.next_trash_end,
                   EndTrash(state, request.token, now,
                            answer.clock_jumped || request.validate_only));
  ASSIGN_OR_RETURN(const std::shared_ptr<Sweep> sweep,
                   TakeView(state, request,
                            request.validate_only && !answer.clock_jumped
                                ? std::optional(now)
                                : std::nullopt));
  answer.fence = sweep->numbers.fence;
  answer.sequence = sweep->numbers.sequence_limit - 1;
  answer.listed_count = sweep->numbers.snapshot_count;
  answer.trash_count = sweep->numbers.trash_count;
  answer.gone_count = sweep->numbers.gone_count;
  RETURN_IF_ERROR(FindOldest(*sweep, answer));
  metrics_->sweeps_begun.Increment();
  return answer;
}

absl::StatusOr<bool> SweepStart::RaiseFence(DatastoreState& state,
                                            const IndexSweepRequest& request,
                                            absl::Time now) {
  absl::MutexLock lock(&state.gate);
  IndexState numbers = state.numbers;
  const bool jumped = !request.confirm_clock &&
                      ClockJumped(numbers.clock, now, options_.max_clock_step);
  if (jumped) {
    LOG(WARNING) << "clock has jumped, no snapshot in trash ends datastore="
                 << state.info.name << " last=" << numbers.clock
                 << " now=" << now
                 << " help=\"set the clock right, or confirm it\"";
  } else if (!request.validate_only) {
    // A time that is not believed is not remembered: the next sweep would
    // take it for the measure.
    numbers.clock = now;
  }
  RETURN_IF_ERROR(fence_->RaiseLocked(
      state, request.validate_only ? 0 : request.cut, request.token, numbers));
  // From here on whatever the former sweep still does is in vain.
  sweeps_->Lose(state.info.ref.uuid);
  return jumped;
}

absl::StatusOr<std::optional<absl::Time>> SweepStart::EndTrash(
    DatastoreState& state, uint64_t token, absl::Time now, bool ends_nothing) {
  std::optional<absl::Time> next;
  const IndexView view = store_->NewView(state.info.ref.uuid);
  ASSIGN_OR_RETURN(const IndexState numbers, view.GetState());
  if (numbers.trash_count == 0) return next;
  std::vector<SnapshotName> over;
  size_t bytes = 0;
  const auto let_go = [&]() -> absl::Status {
    bytes = 0;
    return LetGo(state, token, now, std::exchange(over, {}));
  };
  RETURN_IF_ERROR(VisitSnapshots(
      view, state.info,
      [&](const SnapshotName& name, const SnapshotRow& row) -> absl::Status {
        if (row.state != SnapshotState::kTrash) return absl::OkStatus();
        if (ends_nothing || !IsTrashOver(row, now)) {
          next = std::min(next.value_or(row.trash_until), row.trash_until);
          return absl::OkStatus();
        }
        over.push_back(name);
        bytes += EncodeSnapshot(row).size();
        if (over.size() < options_.max_batch_rows &&
            bytes < options_.max_batch_bytes) {
          return absl::OkStatus();
        }
        return let_go();
      }));
  if (!over.empty()) RETURN_IF_ERROR(let_go());
  return next;
}

absl::Status SweepStart::LetGo(DatastoreState& state, uint64_t token,
                               absl::Time now,
                               const std::vector<SnapshotName>& names) {
  absl::MutexLock lock(&state.gate);
  if (state.numbers.highest_token != token) return SweepLost(state.info, token);
  const IndexView view = store_->NewView(state.info.ref.uuid);
  IndexBatch batch(state.info.ref.uuid);
  IndexState numbers;
  // Of the event that says so: handed out here, so that the view's sequence
  // is not below it, and the same until the rows are removed.
  const uint64_t sequence = TakeSequence(state, batch, numbers);
  size_t count = 0;
  for (const SnapshotName& name : names) {
    ASSIGN_OR_RETURN(std::optional<SnapshotRow> row, view.GetSnapshot(name));
    // Undeleted meanwhile, or forgotten anew.
    if (!row.has_value() || !IsTrashOver(*row, now)) continue;
    TakeFromCounts(*row, numbers);
    row->state = SnapshotState::kGone;
    row->state_sequence = sequence;
    row->gone_token = token;
    AddToCounts(*row, numbers);
    batch.PutSnapshot(name, *row);
    ++count;
  }
  if (count == 0) return absl::OkStatus();
  batch.PutState(numbers);
  batch.PassGate();
  RETURN_IF_ERROR(store_->Commit(batch, Durability::kSynced));
  state.numbers = numbers;
  metrics_->snapshots_gone.Increment(static_cast<double>(count));
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Sweep>> SweepStart::TakeView(
    DatastoreState& state, const IndexSweepRequest& request,
    const std::optional<absl::Time>& would_end_trash) {
  absl::MutexLock lock(&state.gate);
  if (state.numbers.highest_token != request.token) {
    return SweepLost(state.info, request.token);
  }
  auto sweep = std::make_shared<Sweep>(&state, request, *store_, state.numbers,
                                       would_end_trash);
  sweeps_->Install(sweep);
  return sweep;
}

}  // namespace cairn::index
