#include "services/maintenance/engine/verify_run.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/maintenance/domain/lease_rules.h"
#include "services/maintenance/engine/pack_proofs.h"

namespace cairn::maintenance {
namespace {

constexpr uint32_t kDamagePage = 10'000;
// FindReferences takes no more at once.
constexpr size_t kMarksPerSearch = 100'000;
// A scope of names alone, and a call that saves.
constexpr size_t kMaxNames = 1000;
constexpr absl::Duration kEndTimeout = absl::Seconds(30);

}  // namespace

VerifyRun::VerifyRun(const Options& options, const RunPeers& peers,
                     const Uuid& task, const VerifyRunOptions& asked,
                     RunControl* control)
    : options_(options),
      peers_(peers),
      task_(task),
      asked_(asked),
      control_(control),
      end_(peers.clock->Monotonic() + asked.max_time),
      bad_(options.max_bad_records) {
  if (asked.outdated_after.has_value()) {
    proved_since_ = peers.clock->Now() - *asked.outdated_after;
  }
}

VerifyRun::~VerifyRun() {
  if (!has_set_) return;
  const Call call = MaintenanceCall(peers_.clock->Now() + kEndTimeout, nullptr);
  const absl::Status dropped = peers_.store->DropMarks(call, datastore_, task_);
  // Then it goes when nobody has used it for a while.
  if (!dropped.ok()) {
    LOG(INFO) << "mark set not dropped task=" << task_.ToString()
              << " error=" << dropped;
  }
}

Call VerifyRun::NewCall(absl::Duration timeout) const {
  return MaintenanceCall(peers_.clock->Now() + timeout,
                         control_->cancellation());
}

absl::Status VerifyRun::Checkpoint() {
  RETURN_IF_ERROR(control_->Checkpoint());
  const absl::Status lease = lease_->status();
  return absl::IsAborted(lease) ? lease : absl::OkStatus();
}

absl::StatusOr<VerifyRunResult> VerifyRun::Run() {
  RETURN_IF_ERROR(Begin());
  RETURN_IF_ERROR(List());
  result_.snapshots = due_.size();
  control_->Log(LogLevel::kInfo, absl::StrCat(due_.size(), " of ", listed_,
                                              " snapshots are to be verified"));
  result_.complete = true;
  if (due_.empty()) return result_;
  RETURN_IF_ERROR(Mark());
  ASSIGN_OR_RETURN(const VerifyPlan plan, Plan());
  RETURN_IF_ERROR(Prove(plan));
  RETURN_IF_ERROR(AddKnownDamage());
  RETURN_IF_ERROR(FindDamaged());
  RETURN_IF_ERROR(Save());
  return Conclude();
}

absl::Status VerifyRun::Begin() {
  control_->SetPhase("list");
  const Call call = NewCall(options_.times.call);
  const std::string& name = asked_.scope.datastore();
  ASSIGN_OR_RETURN(const Datastore known,
                   peers_.catalog->GetDatastore(call, name));
  datastore_ = known.ref;
  LeaseRequest request;
  request.id = task_;
  request.datastore = name;
  request.ref = datastore_;
  request.claims = {{DatastoreResource(name), LeaseMode::kShared}};
  if (asked_.scope.snapshot.has_value()) {
    // One snapshot is held; of many some may go meanwhile.
    request.claims.push_back(
        {SnapshotName{*asked_.scope.group, *asked_.scope.snapshot}.ToString(),
         LeaseMode::kShared});
  }
  request.holder = absl::StrCat("verify task ", task_.ToString());
  request.purpose = LeasePurpose::kVerify;
  request.ttl = options_.times.lease_ttl;
  ASSIGN_OR_RETURN(
      lease_,
      LeaseGuard::Acquire(call,
                          {peers_.clock, peers_.executor, peers_.coordinator,
                           KeepMarks(peers_, datastore_, task_)},
                          request));
  return absl::OkStatus();
}

absl::Status VerifyRun::List() {
  scope_.parent = asked_.scope.parent;
  scope_.max_depth = asked_.scope.max_depth;
  scope_.group = asked_.scope.group;
  if (asked_.scope.snapshot.has_value()) {
    const SnapshotName name{*asked_.scope.group, *asked_.scope.snapshot};
    ASSIGN_OR_RETURN(
        const Snapshot snapshot,
        peers_.catalog->GetSnapshot(NewCall(options_.times.call), name));
    scope_.names = {name};
    scope_.trash = true;
    return AddListed(snapshot);
  }
  SnapshotQuery query{.parent = scope_.parent,
                      .group = scope_.group,
                      .max_depth = scope_.max_depth};
  PageRequest page{.page_size = kMaxPageSize};
  do {
    RETURN_IF_ERROR(Checkpoint());
    ASSIGN_OR_RETURN(ListPage<Snapshot> listed,
                     peers_.catalog->ListSnapshots(NewCall(options_.times.call),
                                                   query, page));
    for (const Snapshot& snapshot : listed.items) {
      RETURN_IF_ERROR(AddListed(snapshot));
    }
    page.page_token = std::move(listed.next_page_token);
  } while (!page.page_token.empty());
  // Snapshots that come later are not among those that are judged; what they
  // refer to need not be marked. By the clock of index, which stamped them.
  scope_.published_before = last_publish_ + absl::Nanoseconds(1);
  if (due_.size() < listed_ && due_.size() <= kMaxNames) scope_.names = due_;
  return absl::OkStatus();
}

// One that has failed is looked at again, however fresh that is.
absl::Status VerifyRun::AddListed(const Snapshot& snapshot) {
  ++listed_;
  last_publish_ = std::max(last_publish_, snapshot.publish_time);
  const Verification& verification = snapshot.verification;
  if (proved_since_.has_value() && verification.state == VerifyState::kOk &&
      verification.time >= *proved_since_) {
    return absl::OkStatus();
  }
  if (due_.size() >= options_.max_snapshots) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "more than ", options_.max_snapshots,
        " snapshots are to be verified; verify namespaces one by one"));
  }
  due_.push_back(snapshot.name);
  return absl::OkStatus();
}

absl::Status VerifyRun::Mark() {
  control_->SetPhase("mark");
  RETURN_IF_ERROR(Checkpoint());
  const Call call = NewCall(options_.times.walk);
  uint64_t wanted = 0;
  ASSIGN_OR_RETURN(const std::unique_ptr<MarkStream> marks,
                   peers_.index->MarkScope(call, datastore_, scope_,
                                           [&](const MarkProgress& progress) {
                                             wanted = progress.marks;
                                             control_->SetCounter(
                                                 "pages", progress.pages);
                                           }));
  has_set_ = true;
  ASSIGN_OR_RETURN(
      const MarkSummary summary,
      peers_.store->PutMarks(call, datastore_, {.id = task_}, *marks));
  result_.missing_records = summary.missing_records;
  for (const MarkRun& run : summary.missing) bad_.Add(run);
  missing_named_ = bad_.size() == summary.missing_records;
  control_->SetCounter("missing_records", summary.missing_records);
  const uint64_t found = summary.marked.records + summary.missing_records;
  if (found < wanted) {
    all_in_packs_ = false;
    control_->Log(LogLevel::kWarning,
                  absl::StrCat(wanted - found,
                               " records are in no sealed pack and cannot be "
                               "proved now; verify again"));
  }
  if (summary.missing_records > 0) {
    control_->Log(LogLevel::kError,
                  absl::StrCat(summary.missing_records,
                               " records are referred to and missing"));
  }
  return absl::OkStatus();
}

absl::StatusOr<VerifyPlan> VerifyRun::Plan() {
  control_->SetPhase("plan");
  std::vector<PackProof> packs;
  const auto next_call = [this]() -> absl::StatusOr<Call> {
    RETURN_IF_ERROR(Checkpoint());
    return NewCall(options_.times.call);
  };
  const auto add = [this, &packs](const PackInfo& pack) {
    // What a pack without its file held is missing, and is known to be.
    if (!pack.missing) packs.push_back(ProofOf(pack, asked_.light));
  };
  RETURN_IF_ERROR(VisitPacks(peers_.store, datastore_, task_, next_call, add));
  VerifyPlan plan =
      PlanVerify(packs, {.proved_since = proved_since_,
                         .max_bytes = asked_.max_bytes,
                         .max_share_permille = asked_.max_share_permille});
  result_.complete = plan.complete && all_in_packs_;
  control_->Log(LogLevel::kInfo,
                absl::StrCat("of ", packs.size(), " packs ", plan.steps.size(),
                             " with ", plan.bytes, " bytes are to be read"));
  return plan;
}

absl::Status VerifyRun::Prove(const VerifyPlan& plan) {
  control_->SetPhase("verify");
  size_t next = 0;
  while (next < plan.steps.size()) {
    RETURN_IF_ERROR(Checkpoint());
    if (OverTime()) {
      result_.complete = false;
      control_->Log(
          LogLevel::kWarning,
          absl::StrCat("the run's time is over: ", plan.steps.size() - next,
                       " packs are left to the next run"));
      return absl::OkStatus();
    }
    std::vector<VerifyStep> batch;
    uint64_t bytes = 0;
    for (; next < plan.steps.size() && batch.size() < options_.batch_packs;
         ++next) {
      bytes += plan.steps[next].bytes;
      if (!batch.empty() && bytes > options_.batch_bytes) break;
      batch.push_back(plan.steps[next]);
    }
    RETURN_IF_ERROR(ProveBatch(batch));
  }
  return absl::OkStatus();
}

absl::Status VerifyRun::ProveBatch(const std::vector<VerifyStep>& batch) {
  VerifyPacksRequest request;
  request.set = task_;
  request.depth = asked_.light ? VerifyDepth::kLight : VerifyDepth::kDeep;
  request.read_bytes_per_second = asked_.read_bytes_per_second;
  uint64_t bytes = 0;
  for (const VerifyStep& step : batch) {
    request.packs.push_back(step.number);
    bytes += step.bytes;
  }
  absl::Duration timeout = options_.times.call;
  if (asked_.read_bytes_per_second > 0) {
    timeout += absl::Seconds(bytes / asked_.read_bytes_per_second);
  }
  const auto take = [this](const VerifiedPack& pack) {
    if (pack.pack != 0 && pack.records.records > 0) ++result_.packs;
    result_.records += pack.records.records;
    result_.bytes += pack.records.bytes;
    result_.damaged_records += pack.damage.size();
    for (const RecordDamage& damage : pack.damage) {
      bad_.Add(damage.key);
      control_->Log(LogLevel::kError,
                    absl::StrCat(damage.key.ToString(), " in pack ", pack.pack,
                                 ": ", damage.why));
    }
    control_->SetCounter("packs", result_.packs);
    control_->SetCounter("records", result_.records);
    control_->SetCounter("bytes", result_.bytes);
    control_->SetCounter("damaged_records", result_.damaged_records);
  };
  return peers_.store->VerifyPacks(NewCall(timeout), datastore_, request, take);
}

// What others have found meanwhile, restores above all, counts as well.
absl::Status VerifyRun::AddKnownDamage() {
  std::optional<RecordKey> after;
  for (bool done = false; !done && !bad_.full();) {
    RETURN_IF_ERROR(Checkpoint());
    ASSIGN_OR_RETURN(const DamagePage page,
                     peers_.store->ListDamaged(NewCall(options_.times.call),
                                               datastore_, after, kDamagePage));
    for (const RecordDamage& damage : page.damage) bad_.Add(damage.key);
    done = page.done || page.damage.empty();
    if (!done) after = page.damage.back().key;
  }
  return absl::OkStatus();
}

absl::Status VerifyRun::FindDamaged() {
  control_->SetPhase("references");
  for (const std::vector<MarkRun>& part : bad_.Parts(kMarksPerSearch)) {
    RETURN_IF_ERROR(Checkpoint());
    RETURN_IF_ERROR(peers_.index->FindReferences(
        NewCall(options_.times.walk), datastore_, scope_, part,
        kMaxDamagedRanges,
        [this](const DamagedSnapshot& damaged) { AddDamaged(damaged); }));
  }
  return absl::OkStatus();
}

// Each part finds other ranges of it.
void VerifyRun::AddDamaged(const DamagedSnapshot& damaged) {
  DamagedSnapshot& known = failed_[damaged.name];
  known.name = damaged.name;
  known.damaged_bytes += damaged.damaged_bytes;
  for (const DamagedRange& range : damaged.ranges) {
    if (known.ranges.size() < kMaxDamagedRanges) known.ranges.push_back(range);
  }
}

// Damage is remembered always; that a snapshot is good only by a deep verify
// that has come to the end of everything it refers to.
absl::Status VerifyRun::Save() {
  control_->SetPhase("save");
  if (!missing_named_ || bad_.full()) result_.complete = false;
  const absl::Time now = peers_.clock->Now();
  std::vector<SnapshotVerification> all;
  for (const auto& [name, damaged] : failed_) {
    all.push_back({name,
                   {.state = VerifyState::kFailed,
                    .time = now,
                    .task = task_,
                    .damage = damaged.ranges,
                    .damaged_bytes = damaged.damaged_bytes}});
  }
  for (const SnapshotName& name : due_) {
    if (!result_.complete || failed_.contains(name)) continue;
    ++result_.verified_ok;
    if (asked_.light) continue;
    all.push_back(
        {name, {.state = VerifyState::kOk, .time = now, .task = task_}});
  }
  for (size_t from = 0; from < all.size(); from += kMaxNames) {
    RETURN_IF_ERROR(Checkpoint());
    const size_t count = std::min(kMaxNames, all.size() - from);
    const std::vector<SnapshotVerification> part(
        std::make_move_iterator(all.begin() + static_cast<ptrdiff_t>(from)),
        std::make_move_iterator(all.begin() +
                                static_cast<ptrdiff_t>(from + count)));
    RETURN_IF_ERROR(peers_.index->SaveVerifications(
        NewCall(options_.times.call), datastore_, part));
  }
  return absl::OkStatus();
}

VerifyRunResult VerifyRun::Conclude() {
  result_.verified_failed = failed_.size();
  for (const auto& [name, damaged] : failed_) {
    if (result_.damage.size() == kMaxDamagedSnapshotsTold) break;
    VerifyRunResult::Damage damage{name, damaged.ranges, damaged.damaged_bytes};
    if (damage.ranges.size() > kMaxDamagedRangesTold) {
      damage.ranges.resize(kMaxDamagedRangesTold);
    }
    control_->Log(LogLevel::kError,
                  absl::StrCat(name.ToString(), " cannot be restored whole: ",
                               damaged.damaged_bytes, " bytes are damaged"));
    result_.damage.push_back(std::move(damage));
  }
  control_->Log(
      LogLevel::kInfo,
      absl::StrCat(result_.verified_ok, " snapshots are good, ",
                   result_.verified_failed, " are damaged",
                   result_.complete ? "" : "; the rest is not known yet"));
  return result_;
}

bool VerifyRun::OverTime() const { return peers_.clock->Monotonic() >= end_; }

}  // namespace cairn::maintenance
