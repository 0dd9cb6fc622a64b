#include "services/maintenance/engine/gc_run.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::maintenance {
namespace {

constexpr uint32_t kPackPage = 10'000;
// 256 TiB in packs of the default size.
constexpr size_t kMaxPacks = 1'000'000;
// Steps in a row that come to none of their packs.
constexpr int kMaxIdleSteps = 3;
constexpr uint64_t kMaxPageSteps = 10'000'000;

PackUse UseOf(const PackInfo& pack) {
  return {.number = pack.number,
          .metadata = pack.pack_class == PackClass::kMetadata,
          .file_bytes = pack.file_bytes,
          .records = pack.records.records,
          .record_bytes = pack.records.bytes,
          .kept_records = pack.kept.records,
          .kept_bytes = pack.kept.bytes,
          .missing = pack.missing};
}

std::string DescribeWriter(const Lease& lease) {
  return absl::StrCat(
      "datastores/", lease.datastore, "/sessions/", lease.id.ToString(), " (",
      LeasePurposeName(lease.purpose), " by ", lease.holder, ") since ",
      absl::FormatTime(absl::RFC3339_sec, lease.start_time,
                       absl::UTCTimeZone()));
}

// Who holds back the cut: a lease, or a session that has lost its own and may
// come back.
std::string DescribeOldest(const SweepStart& start, const IndexSweep& view) {
  if (start.oldest_writer.has_value()) {
    return DescribeWriter(*start.oldest_writer);
  }
  return view.oldest_session.has_value() ? view.oldest_session->ToString() : "";
}

}  // namespace

GcRun::GcRun(const Options& options, const RunPeers& peers,
             MaintenanceMetrics* metrics, const Uuid& task,
             const GcRunOptions& asked, RunControl* control)
    : options_(options),
      peers_(peers),
      metrics_(metrics),
      asked_(asked),
      control_(control),
      end_(peers.clock->Monotonic() + asked.max_time),
      session_(options.times, peers, task, asked, control) {}

absl::StatusOr<GcRunResult> GcRun::Run() {
  RETURN_IF_ERROR(Begin());
  RETURN_IF_ERROR(Mark());
  ASSIGN_OR_RETURN(const GcPlan plan, Plan());
  if (!asked_.validate_only) RETURN_IF_ERROR(Sweep(plan));
  RETURN_IF_ERROR(DropPages());
  return End();
}

absl::Status GcRun::Begin() {
  Enter("begin");
  RETURN_IF_ERROR(session_.Begin());
  const EpochNumbers& numbers = session_.start().numbers;
  const IndexSweep& view = session_.view();
  result_.epoch = numbers.epoch;
  result_.token = numbers.token;
  result_.cut = numbers.cut;
  held_.next_trash_end = view.next_trash_end;
  held_.oldest_session = DescribeOldest(session_.start(), view);
  Info(absl::StrCat("epoch ", numbers.epoch, ", token ", numbers.token,
                    ", cut ", numbers.cut, "; the view has ", view.listed_count,
                    " snapshots, ", view.trash_count, " in trash, ",
                    view.gone_count, " gone, ", view.open_sessions,
                    " open sessions"));
  if (!held_.oldest_session.empty()) {
    Info(absl::StrCat("what was touched since epoch ", numbers.cut,
                      " is kept for ", held_.oldest_session));
  }
  if (view.clock_jumped) {
    Warn(
        "the clock of index has jumped since it was last looked at: nothing "
        "in trash comes to its end; if the clock is right, start gc with "
        "confirm-clock");
  }
  RETURN_IF_ERROR(session_.Checkpoint());
  return session_.SaveGoneEvents();
}

absl::Status GcRun::Mark() {
  Enter("mark");
  RETURN_IF_ERROR(session_.Checkpoint());
  ASSIGN_OR_RETURN(marks_, session_.Mark());
  const MarkProgress& marked = session_.marked();
  result_.snapshots = marked.snapshots;
  result_.pages = marked.pages;
  result_.references = marked.references;
  result_.logical_bytes = marked.logical_bytes;
  result_.marked_records = marks_.marked.records;
  result_.marked_bytes = marks_.marked.bytes;
  result_.missing_records = marks_.missing_records;
  held_.trash_bytes = marks_.trash.bytes;
  held_.session_bytes = marks_.session.bytes;
  held_.spared_bytes = marks_.spared.bytes;
  Info(absl::StrCat("marked ", marks_.marked.records, " records (",
                    marks_.marked.bytes, " bytes), ", marks_.unmarked.records,
                    " are unmarked (", marks_.unmarked.bytes, " bytes), ",
                    marks_.spared.records, " of them spared"));
  if (marks_.missing_records > 0) {
    Warn(absl::StrCat(marks_.missing_records,
                      " records are referred to and are not to be had: some "
                      "snapshots cannot be restored whole; start a verify, "
                      "which names them"));
  }
  metrics_->ShowMissingRecords(asked_.datastore, marks_.missing_records);
  return absl::OkStatus();
}

absl::StatusOr<GcPlan> GcRun::Plan() {
  Enter("plan");
  std::vector<PackUse> packs;
  uint32_t after = 0;
  for (bool done = false; !done;) {
    RETURN_IF_ERROR(session_.Checkpoint());
    ASSIGN_OR_RETURN(
        const PackPage page,
        peers_.store->ListPacks(session_.NewCall(options_.times.call),
                                session_.datastore(), session_.set(), kPackPage,
                                after));
    for (const PackInfo& pack : page.packs) packs.push_back(UseOf(pack));
    if (packs.size() > kMaxPacks) {
      return absl::ResourceExhaustedError(
          absl::StrCat("datastore ", asked_.datastore, " has more than ",
                       kMaxPacks, " packs, which one gc does not plan"));
    }
    done = page.done || page.packs.empty();
    if (!page.packs.empty()) after = page.packs.back().number;
  }
  const GcPlan plan = PlanGc(
      packs, {.live_percent = asked_.live_percent == 0 ? options_.live_percent
                                                       : asked_.live_percent,
              .max_copy_bytes = asked_.max_copy_bytes});
  const IndexSweep& view = session_.view();
  RETURN_IF_ERROR(CheckView(view.listed_count, view.trash_count,
                            asked_.allow_empty || asked_.validate_only, plan));
  held_.threshold_bytes = plan.threshold_bytes;
  held_.budget_bytes = plan.budget_bytes;
  Info(absl::StrCat("of ", packs.size(), " packs ", plan.drop.size(),
                    " go and ", plan.compact.size(),
                    " are compacted: ", plan.copied_bytes,
                    " bytes are copied, ", plan.freed_bytes, " freed"));
  if (asked_.validate_only) {
    result_.dropped_records = plan.dropped_records;
    result_.dropped_bytes = plan.dropped_bytes;
    result_.removed_packs = plan.drop.size() + plan.compact.size();
    result_.compacted_packs = plan.compact.size();
    result_.copied_bytes = plan.copied_bytes;
    freed_bytes_ = static_cast<int64_t>(plan.freed_bytes);
  }
  return plan;
}

// Whole packs first: they cost nothing, and on a full disk they make room for
// what compaction writes.
absl::Status GcRun::Sweep(const GcPlan& plan) {
  Enter("sweep");
  RETURN_IF_ERROR(
      WorkOff({plan.drop.begin(), plan.drop.end()}, /*compact=*/false));
  return WorkOff({plan.compact.begin(), plan.compact.end()}, /*compact=*/true);
}

absl::Status GcRun::WorkOff(std::deque<PackStep> queue, bool compact) {
  int idle = 0;
  while (!queue.empty()) {
    RETURN_IF_ERROR(session_.Checkpoint());
    if (OverTime()) {
      Leave(queue, "the run's time is over");
      return absl::OkStatus();
    }
    const std::vector<PackStep> batch = TakeBatch(queue, compact);
    const absl::StatusOr<SweptPacks> swept = SweepBatch(batch, compact);
    if (compact && HasReason(swept.status(), reason::kStorageFull)) {
      queue.insert(queue.begin(), batch.begin(), batch.end());
      Leave(queue, "there is no room for compaction");
      return absl::OkStatus();
    }
    RETURN_IF_ERROR(swept.status());
    Count(*swept, batch, compact);
    idle = swept->remaining.size() < batch.size() ? 0 : idle + 1;
    if (idle == kMaxIdleSteps) {
      return absl::InternalError(absl::StrCat("chunk storage came to none of ",
                                              batch.size(), " packs in ",
                                              kMaxIdleSteps, " calls"));
    }
    const std::set<uint32_t> remaining(swept->remaining.begin(),
                                       swept->remaining.end());
    for (auto step = batch.rbegin(); step != batch.rend(); ++step) {
      if (remaining.contains(step->number)) queue.push_front(*step);
    }
  }
  return absl::OkStatus();
}

std::vector<PackStep> GcRun::TakeBatch(std::deque<PackStep>& queue,
                                       bool compact) const {
  const size_t limit = compact ? options_.compact_batch : options_.drop_batch;
  std::vector<PackStep> batch;
  uint64_t bytes = 0;
  while (!queue.empty() && batch.size() < limit) {
    bytes += queue.front().copied_bytes;
    if (!batch.empty() && bytes > options_.compact_batch_bytes) break;
    batch.push_back(queue.front());
    queue.pop_front();
  }
  return batch;
}

absl::StatusOr<SweptPacks> GcRun::SweepBatch(const std::vector<PackStep>& batch,
                                             bool compact) {
  SweepPacksRequest request;
  request.set = session_.set();
  request.token = session_.token();
  uint64_t bytes = 0;
  for (const PackStep& step : batch) {
    request.packs.push_back(step.number);
    bytes += step.copied_bytes;
  }
  absl::Duration timeout = options_.times.call;
  if (compact) {
    request.compact = request.packs;
    request.copy_bytes_per_second = asked_.copy_bytes_per_second;
    if (asked_.copy_bytes_per_second > 0) {
      timeout += absl::Seconds(bytes / asked_.copy_bytes_per_second);
    }
  }
  ASSIGN_OR_RETURN(SweptPacks swept,
                   peers_.store->SweepPacks(session_.NewCall(timeout),
                                            session_.datastore(), request));
  LOG(INFO) << "packs swept datastore=" << asked_.datastore
            << " token=" << session_.token() << " cut=" << result_.cut
            << " sequence=" << session_.view().sequence
            << " packs=" << absl::StrJoin(request.packs, ",")
            << " dropped_records=" << swept.dropped.records
            << " removed_packs=" << swept.removed_packs
            << " removed_bytes=" << swept.removed_bytes
            << " copied_bytes=" << swept.copied.bytes
            << " new_bytes=" << swept.new_bytes;
  return swept;
}

void GcRun::Count(const SweptPacks& swept, const std::vector<PackStep>& batch,
                  bool compact) {
  result_.dropped_records += swept.dropped.records;
  result_.dropped_bytes += swept.dropped.bytes;
  result_.removed_packs += swept.removed_packs;
  result_.copied_bytes += swept.copied.bytes;
  if (compact) result_.compacted_packs += swept.removed_packs;
  freed_bytes_ += static_cast<int64_t>(swept.removed_bytes) -
                  static_cast<int64_t>(swept.new_bytes);
  const std::set<uint32_t> damaged(swept.damaged_packs.begin(),
                                   swept.damaged_packs.end());
  for (const PackStep& step : batch) {
    if (damaged.contains(step.number)) held_.damage_bytes += step.freed_bytes;
  }
  if (!damaged.empty()) {
    Warn(absl::StrCat("records of packs ", absl::StrJoin(damaged, ", "),
                      " do not prove and were marked bad; the packs stay; "
                      "start a verify, which names the snapshots"));
  }
  control_->SetCounter("dropped_records", result_.dropped_records);
  control_->SetCounter("removed_packs", result_.removed_packs);
  control_->SetCounter("copied_bytes", result_.copied_bytes);
  control_->SetCounter(
      "freed_bytes", static_cast<uint64_t>(std::max<int64_t>(freed_bytes_, 0)));
}

void GcRun::Leave(const std::deque<PackStep>& queue, const char* why) {
  uint64_t bytes = 0;
  for (const PackStep& step : queue) bytes += step.freed_bytes;
  held_.budget_bytes += bytes;
  Warn(absl::StrCat(why, ": ", queue.size(), " packs with ", bytes,
                    " bytes to be freed are left to the next run"));
}

absl::Status GcRun::DropPages() {
  Enter("pages");
  for (uint64_t step = 0; step < kMaxPageSteps; ++step) {
    RETURN_IF_ERROR(session_.Checkpoint());
    ASSIGN_OR_RETURN(
        const DroppedPages dropped,
        peers_.index->DropPages(session_.NewCall(options_.times.call),
                                session_.datastore(), session_.token(),
                                options_.page_batch, asked_.validate_only));
    result_.dropped_pages += dropped.dropped;
    control_->SetCounter("dropped_pages", result_.dropped_pages);
    if (dropped.done || OverTime()) return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("index does not come to an end of its pages, ",
                   result_.dropped_pages, " were dropped"));
}

absl::StatusOr<GcRunResult> GcRun::End() {
  Enter("end");
  ASSIGN_OR_RETURN(const EndedSweep ended, session_.End());
  result_.removed_snapshots = ended.removed_snapshots;
  result_.freed_bytes =
      static_cast<uint64_t>(std::max<int64_t>(freed_bytes_, 0));
  result_.later = ListLater(held_);
  ASSIGN_OR_RETURN(
      const StoreStatistics statistics,
      peers_.chunks->Statistics(session_.NewCall(options_.times.call),
                                session_.datastore()));
  result_.pack_bytes = statistics.pack_bytes;
  if (!asked_.validate_only) {
    metrics_->gc_freed_bytes.Increment(
        static_cast<double>(result_.freed_bytes));
    metrics_->ShowLater(asked_.datastore, result_.later);
  }
  Info(absl::StrCat(asked_.validate_only ? "would free " : "freed ",
                    result_.freed_bytes, " bytes; packs have ",
                    result_.pack_bytes, " bytes"));
  return result_;
}

bool GcRun::OverTime() const { return peers_.clock->Monotonic() >= end_; }

void GcRun::Enter(const char* phase) { control_->SetPhase(phase); }

void GcRun::Info(std::string text) {
  control_->Log(LogLevel::kInfo, std::move(text));
}

void GcRun::Warn(std::string text) {
  control_->Log(LogLevel::kWarning, std::move(text));
}

}  // namespace cairn::maintenance
