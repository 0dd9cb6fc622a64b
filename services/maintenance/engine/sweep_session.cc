#include "services/maintenance/engine/sweep_session.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/maintenance/domain/lease_rules.h"

namespace cairn::maintenance {
namespace {

// Each repetition is a publish that has come in between.
constexpr int kMaxBegins = 5;
// MarkRequest.SweepRoots says so.
constexpr size_t kMaxLeasedSnapshots = 10000;
// Pages of at most 16 events, each of at most 1000 snapshots.
constexpr int kMaxGonePages = 1'000'000;
constexpr absl::Duration kEndTimeout = absl::Seconds(30);

}  // namespace

std::function<void(const Call&)> KeepMarks(const RunPeers& peers,
                                           const DatastoreRef& datastore,
                                           const Uuid& set) {
  // A page behind the last pack: it counts as a use, and costs nothing.
  return [store = peers.store, datastore, set](const Call& call) {
    store
        ->ListPacks(call, datastore, set, /*page_size=*/1,
                    std::numeric_limits<uint32_t>::max())
        .status()
        .IgnoreError();
  };
}

SweepSession::SweepSession(const RunTimes& times, const RunPeers& peers,
                           const Uuid& task, const GcRunOptions& options,
                           RunControl* control)
    : times_(times),
      peers_(peers),
      task_(task),
      options_(options),
      control_(control) {}

SweepSession::~SweepSession() {
  if (begun_) Abandon();
}

Call SweepSession::NewCall(absl::Duration timeout) const {
  return MaintenanceCall(peers_.clock->Now() + timeout,
                         control_->cancellation());
}

absl::Status SweepSession::Checkpoint() {
  RETURN_IF_ERROR(control_->Checkpoint());
  const absl::Status lease = lease_->status();
  return absl::IsAborted(lease) ? lease : absl::OkStatus();
}

absl::Status SweepSession::Begin() {
  const Call call = NewCall(times_.call);
  ASSIGN_OR_RETURN(const Datastore known,
                   peers_.catalog->GetDatastore(call, options_.datastore));
  datastore_ = known.ref;
  LeaseRequest request;
  request.id = task_;
  request.datastore = options_.datastore;
  request.ref = datastore_;
  request.claims = {{SweepResource(options_.datastore), LeaseMode::kExclusive}};
  request.holder = absl::StrCat("gc task ", task_.ToString());
  request.purpose = LeasePurpose::kSweep;
  request.ttl = times_.lease_ttl;
  ASSIGN_OR_RETURN(
      lease_,
      LeaseGuard::Acquire(call,
                          {peers_.clock, peers_.executor, peers_.coordinator,
                           KeepMarks(peers_, datastore_, task_)},
                          request));
  row_ = {.datastore = options_.datastore,
          .task = task_,
          .start_time = peers_.clock->Now()};
  ASSIGN_OR_RETURN(start_, peers_.coordinator->BeginSweep(
                               call, options_.datastore, lease_->id()));
  begun_ = true;
  const EpochNumbers& numbers = start_.numbers;
  if (numbers.datastore != datastore_) {
    return WithReason(absl::FailedPreconditionError(absl::StrCat(
                          "datastore ", options_.datastore,
                          " was made anew while a sweep of it was begun")),
                      reason::kGenerationMismatch);
  }
  SaveRow(TaskState::kRunning);
  ASSIGN_OR_RETURN(view_, peers_.index->BeginSweep(
                              call, datastore_,
                              {.token = numbers.token,
                               .cut = numbers.cut,
                               .confirm_clock = options_.confirm_clock,
                               .validate_only = options_.validate_only}));
  if (!options_.validate_only) {
    peers_.coordinator->NoteFence(options_.datastore, view_.fence);
  }
  LOG(INFO) << "sweep begun datastore=" << options_.datastore
            << " task=" << task_.ToString() << " epoch=" << numbers.epoch
            << " token=" << numbers.token << " cut=" << numbers.cut
            << " sequence=" << view_.sequence
            << " validate_only=" << options_.validate_only;
  return BeginStore(call);
}

// What is published between the view and this has a number above the view's.
// That is no sign of an old copy of index if index has handed it out.
absl::Status SweepSession::BeginStore(const Call& call) {
  uint64_t index_sequence = view_.sequence;
  for (int i = 0; i < kMaxBegins; ++i) {
    const absl::Status begun =
        peers_.store
            ->BeginSweep(call, datastore_,
                         {.token = token(),
                          .cut = start_.numbers.cut,
                          .sequence = view_.sequence,
                          .index_sequence = index_sequence})
            .status();
    if (!HasReason(begun, reason::kIndexBehind)) return begun;
    ASSIGN_OR_RETURN(const FenceState fence,
                     peers_.fence->GetFence(call, datastore_));
    if (fence.sequence <= index_sequence) return begun;
    index_sequence = fence.sequence;
  }
  return absl::UnavailableError(absl::StrCat(
      "datastore ", options_.datastore, " has changed ", kMaxBegins,
      " times while a sweep of it was begun; repeat it"));
}

absl::Status SweepSession::SaveGoneEvents() {
  // A plan makes nothing gone.
  if (options_.validate_only) return absl::OkStatus();
  uint64_t after = 0;
  for (int page = 0; page < kMaxGonePages; ++page) {
    RETURN_IF_ERROR(Checkpoint());
    const Call call = NewCall(times_.call);
    ASSIGN_OR_RETURN(GoneEvents gone, peers_.index->ListGoneEvents(
                                          call, datastore_, token(), after));
    const uint64_t before = after;
    for (const Record& event : gone.events) {
      after = std::max(after, event.sequence);
    }
    if (!gone.events.empty()) {
      RETURN_IF_ERROR(
          peers_.chunks->Append(call, datastore_, std::move(gone.events))
              .status());
    }
    if (gone.done) return absl::OkStatus();
    if (after == before) break;
  }
  return absl::InternalError(absl::StrCat(
      "index does not come to an end of what is gone in datastore ",
      options_.datastore, ", the last number is ", after));
}

absl::StatusOr<MarkSummary> SweepSession::Mark() {
  const Call call = NewCall(times_.walk);
  // After the view. See LeaseCoordinator::ListLeasedSnapshots.
  ASSIGN_OR_RETURN(
      const std::vector<std::string> leased,
      peers_.coordinator->ListLeasedSnapshots(call, options_.datastore));
  if (leased.size() > kMaxLeasedSnapshots) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            leased.size(), " snapshots of datastore ", options_.datastore,
            " are leased, at most ", kMaxLeasedSnapshots,
            " can be roots of a sweep; repeat when restores have ended")),
        reason::kLimitExceeded);
  }
  ASSIGN_OR_RETURN(
      const std::unique_ptr<MarkStream> marks,
      peers_.index->MarkSweep(
          call, datastore_, token(), leased,
          [this](const MarkProgress& progress) { ShowProgress(progress); }));
  RETURN_IF_ERROR(CheckMarked());
  return peers_.store->PutMarks(call, datastore_,
                                {.id = task_, .token = token()}, *marks);
}

void SweepSession::ShowProgress(const MarkProgress& progress) {
  marked_ = progress;
  control_->SetCounter("snapshots", progress.snapshots);
  control_->SetCounter("pages", progress.pages);
  control_->SetCounter("references", progress.references);
  control_->SetCounter("marks", progress.marks);
}

// A list that ended early must not look like one without the rest.
absl::Status SweepSession::CheckMarked() const {
  // A plan passes over what is in trash and would be gone.
  const uint64_t wanted =
      view_.listed_count + (options_.validate_only ? 0 : view_.trash_count);
  if (marked_.snapshots >= wanted) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(
      "the mark of datastore ", options_.datastore, " has visited ",
      marked_.snapshots, " snapshots, its view counts ", wanted,
      "; nothing is swept"));
}

absl::StatusOr<EndedSweep> SweepSession::End() {
  const Call call = NewCall(times_.call);
  ASSIGN_OR_RETURN(
      const EndedSweep ended,
      peers_.index->EndSweep(call, datastore_, token(),
                             /*remove_gone=*/!options_.validate_only));
  RETURN_IF_ERROR(peers_.store->EndSweep(call, datastore_, token()));
  begun_ = false;
  SaveRow(TaskState::kSucceeded);
  return ended;
}

// Best effort: the row is what operators look at, no safety rests on it.
void SweepSession::SaveRow(TaskState state) {
  row_.numbers = start_.numbers;
  row_.state = state;
  if (state != TaskState::kRunning) row_.end_time = peers_.clock->Now();
  const absl::Status saved = peers_.sweeps->Put(row_);
  if (!saved.ok()) {
    LOG(WARNING) << "sweep not noted datastore=" << options_.datastore
                 << " token=" << token() << " error=" << saved;
  }
}

void SweepSession::Abandon() {
  // The run may have been cancelled; to end it must still be said.
  const Call call = MaintenanceCall(peers_.clock->Now() + kEndTimeout, nullptr);
  absl::Status ended =
      peers_.index->EndSweep(call, datastore_, token(), /*remove_gone=*/false)
          .status();
  ended.Update(peers_.store->EndSweep(call, datastore_, token()));
  SaveRow(TaskState::kFailed);
  LOG(INFO) << "sweep abandoned datastore=" << options_.datastore
            << " token=" << token() << " ended=" << ended;
}

}  // namespace cairn::maintenance
