#include "services/maintenance/rpc/task_wire.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/model/names.h"
#include "common/rpc/status_conversion.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"

namespace cairn::maintenance {
namespace {

// {d} and the last part of "datastores/{d}/{collection}/{last}".
absl::StatusOr<std::pair<std::string, std::string>> SplitName(
    std::string_view field, std::string_view text, std::string_view collection,
    std::string_view last) {
  const std::vector<std::string> parts = absl::StrSplit(text, '/');
  if (parts.size() != 4 || parts[0] != "datastores" || parts[2] != collection ||
      !ValidateDatastoreId(parts[1]).ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        field, " is not of the form datastores/{d}/", collection, "/", last));
  }
  return std::pair(parts[1], parts[3]);
}

void Fill(const PruneRunResult& result, v1::TaskResult& proto) {
  *proto.mutable_prune() = ToProto(result);
}

void Fill(const GcRunResult& result, v1::TaskResult& proto) {
  v1::GcResult& gc = *proto.mutable_gc();
  gc.set_epoch(result.epoch);
  gc.set_token(result.token);
  gc.set_cut(result.cut);
  gc.set_snapshots(result.snapshots);
  gc.set_pages(result.pages);
  gc.set_references(result.references);
  gc.set_logical_bytes(result.logical_bytes);
  gc.set_marked_records(result.marked_records);
  gc.set_marked_bytes(result.marked_bytes);
  gc.set_missing_records(result.missing_records);
  gc.set_dropped_records(result.dropped_records);
  gc.set_dropped_bytes(result.dropped_bytes);
  gc.set_freed_bytes(result.freed_bytes);
  gc.set_removed_packs(result.removed_packs);
  gc.set_compacted_packs(result.compacted_packs);
  gc.set_copied_bytes(result.copied_bytes);
  gc.set_removed_snapshots(result.removed_snapshots);
  gc.set_dropped_pages(result.dropped_pages);
  gc.set_pack_bytes(result.pack_bytes);
  for (const LaterBytes& later : result.later) {
    v1::GcResult::Later& added = *gc.add_later();
    // The numbers are the same.
    added.set_reason(static_cast<v1::GcResult::Later::Reason>(later.reason));
    added.set_bytes(later.bytes);
    if (later.until.has_value()) {
      *added.mutable_until() = TimeToProto(*later.until);
    }
    added.set_holder(later.holder);
  }
}

void Fill(const VerifyRunResult& result, v1::TaskResult& proto) {
  v1::VerifyResult& verify = *proto.mutable_verify();
  verify.set_snapshots(result.snapshots);
  verify.set_verified_ok(result.verified_ok);
  verify.set_verified_failed(result.verified_failed);
  verify.set_packs(result.packs);
  verify.set_records(result.records);
  verify.set_bytes(result.bytes);
  verify.set_damaged_records(result.damaged_records);
  verify.set_missing_records(result.missing_records);
  verify.set_complete(result.complete);
  for (const VerifyRunResult::Damage& damage : result.damage) {
    v1::VerifyResult::Damage& added = *verify.add_damage();
    added.set_snapshot(damage.snapshot.ToString());
    added.set_damaged_bytes(damage.damaged_bytes);
    for (const DamagedRange& range : damage.ranges) {
      model::v1::DamagedRange& bytes = *added.add_ranges();
      bytes.set_archive(range.archive);
      bytes.set_offset(range.offset);
      bytes.set_length(range.length);
    }
  }
}

TaskState StateNamed(std::string_view name) {
  const auto* const found = std::find_if(
      std::begin(kTaskStates), std::end(kTaskStates),
      [name](TaskState state) { return TaskStateName(state) == name; });
  return found == std::end(kTaskStates) ? TaskState::kFailed : *found;
}

}  // namespace

absl::StatusOr<TaskName> TaskNameFromProto(std::string_view field,
                                           std::string_view text) {
  ASSIGN_OR_RETURN(const auto parts, SplitName(field, text, "tasks", "{uuid}"));
  ASSIGN_OR_RETURN(const Uuid id, UuidFromText(field, parts.second));
  return TaskName{parts.first, id};
}

std::string TaskNameToProto(std::string_view datastore, const Uuid& id) {
  return absl::StrCat("datastores/", datastore, "/tasks/", id.ToString());
}

absl::StatusOr<JobName> JobNameFromProto(std::string_view field,
                                         std::string_view text) {
  ASSIGN_OR_RETURN(const auto parts, SplitName(field, text, "jobs", "{id}"));
  RETURN_IF_ERROR(WithContext(ValidateJobId(parts.second), field));
  return JobName{parts.first, parts.second};
}

std::string JobNameToProto(std::string_view datastore, std::string_view id) {
  return absl::StrCat("datastores/", datastore, "/jobs/", id);
}

v1::PruneResult ToProto(const PruneRunResult& result) {
  v1::PruneResult prune;
  prune.set_plan_hash(result.plan_hash);
  prune.set_groups(result.groups);
  prune.set_kept(result.kept);
  prune.set_forgotten(result.forgotten);
  prune.set_refused(result.refused);
  prune.set_failed(result.failed);
  return prune;
}

v1::TaskResult ToProto(const RunResult& result) {
  v1::TaskResult proto;
  std::visit([&proto](const auto& one) { Fill(one, proto); }, result);
  return proto;
}

v1::PruneAction ToProto(PruneAction action) {
  switch (action) {
    case PruneAction::kKeep:
      return v1::PRUNE_ACTION_KEEP;
    case PruneAction::kRemove:
      return v1::PRUNE_ACTION_REMOVE;
    case PruneAction::kProtected:
      return v1::PRUNE_ACTION_PROTECTED;
    case PruneAction::kKeepPartial:
      return v1::PRUNE_ACTION_KEEP_PARTIAL;
  }
  return v1::PRUNE_ACTION_UNSPECIFIED;
}

// Kinds and states have the same numbers on both sides.
absl::StatusOr<std::optional<TaskKind>> FromProto(v1::TaskKind kind) {
  if (kind == v1::TASK_KIND_UNSPECIFIED) return std::optional<TaskKind>();
  if (!v1::TaskKind_IsValid(kind)) {
    return absl::InvalidArgumentError(
        absl::StrCat("kind is ", static_cast<int>(kind), ", which is none"));
  }
  return static_cast<TaskKind>(kind);
}

absl::StatusOr<std::optional<TaskState>> FromProto(v1::TaskState state) {
  if (state == v1::TASK_STATE_UNSPECIFIED) return std::optional<TaskState>();
  if (!v1::TaskState_IsValid(state)) {
    return absl::InvalidArgumentError(
        absl::StrCat("state is ", static_cast<int>(state), ", which is none"));
  }
  return static_cast<TaskState>(state);
}

// As a call that ends with `status` would send it.
google::rpc::Status StatusToProto(const absl::Status& status) {
  const grpc::Status sent = ToGrpcStatus(status);
  google::rpc::Status proto;
  // Written by this process just now; without a reason there are no details.
  proto.ParseFromString(sent.error_details());
  proto.set_code(sent.error_code());
  proto.set_message(sent.error_message());
  return proto;
}

v1::Task ToProto(const Task& task, uint64_t version) {
  v1::Task proto;
  const TaskRequest& request = task.request;
  proto.set_name(TaskNameToProto(request.datastore, task.id));
  proto.set_request_id(request.request_id);
  proto.set_kind(static_cast<v1::TaskKind>(request.kind));
  // Written by this release or a former one; lists have none.
  if (!request.options.empty()) {
    proto.mutable_options()->ParseFromString(request.options);
  }
  if (!request.job.empty()) {
    proto.set_job(JobNameToProto(request.datastore, request.job));
  }
  proto.set_principal(request.principal);
  proto.set_state(static_cast<v1::TaskState>(task.state));
  *proto.mutable_create_time() = TimeToProto(task.create_time);
  if (task.start_time.has_value()) {
    *proto.mutable_start_time() = TimeToProto(*task.start_time);
  }
  if (task.end_time.has_value()) {
    *proto.mutable_end_time() = TimeToProto(*task.end_time);
    *proto.mutable_status() = StatusToProto(task.status);
  }
  proto.set_phase(task.phase);
  for (const TaskCounter& counter : task.counters) {
    v1::Task::Counter& added = *proto.add_counters();
    added.set_name(counter.name);
    added.set_value(counter.value);
  }
  if (!task.result.empty()) {
    proto.mutable_result()->ParseFromString(task.result);
  }
  proto.set_version(version);
  return proto;
}

v1::TaskLogLine ToProto(const LogLine& line) {
  v1::TaskLogLine proto;
  proto.set_sequence(line.sequence);
  *proto.mutable_time() = TimeToProto(line.time);
  proto.set_severity(static_cast<v1::TaskLogLine::Severity>(line.level));
  proto.set_text(line.text);
  return proto;
}

v1::GetVerifyStateResponse ToProto(const VerifyDebt& debt) {
  v1::GetVerifyStateResponse proto;
  proto.set_pack_bytes(debt.pack_bytes);
  proto.set_never_proved_bytes(debt.never_proved_bytes);
  if (debt.oldest_proof.has_value()) {
    *proto.mutable_oldest_proof() = TimeToProto(*debt.oldest_proof);
  }
  for (size_t i = 0; i < VerifyDebt::kDays.size(); ++i) {
    v1::GetVerifyStateResponse::Age& age = *proto.add_ages();
    *age.mutable_within() =
        DurationToProto(absl::Hours(24) * VerifyDebt::kDays[i]);
    age.set_bytes(debt.proved_bytes[i]);
  }
  return proto;
}

absl::StatusOr<Job> FromProto(const v1::Job& proto) {
  Job job;
  ASSIGN_OR_RETURN(const JobName name,
                   JobNameFromProto("job.name", proto.name()));
  job.datastore = name.datastore;
  job.id = name.id;
  ASSIGN_OR_RETURN(DecodedOptions options, FromProto(proto.options()));
  if (options.datastore != name.datastore) {
    return absl::InvalidArgumentError(
        absl::StrCat("job.name is of datastore ", name.datastore,
                     ", its options are about ", options.datastore));
  }
  job.kind = options.kind;
  job.options = std::move(options.bytes);
  job.schedule = proto.schedule();
  job.time_zone = proto.time_zone();
  job.enabled = proto.enabled();
  job.comment = proto.comment();
  return job;
}

v1::Job ToProto(const JobView& view) {
  v1::Job proto;
  const Job& job = view.job;
  proto.set_name(JobNameToProto(job.datastore, job.id));
  proto.mutable_options()->ParseFromString(job.options);
  proto.set_schedule(job.schedule);
  proto.set_time_zone(job.time_zone);
  proto.set_enabled(job.enabled);
  proto.set_comment(job.comment);
  if (view.next_run.ok() && view.next_run->has_value()) {
    *proto.mutable_next_run() = TimeToProto(**view.next_run);
  }
  const JobState& state = view.state;
  if (state.last_run.has_value()) {
    *proto.mutable_last_run() = TimeToProto(*state.last_run);
  }
  if (!state.last_task.is_zero()) {
    proto.set_last_task(TaskNameToProto(job.datastore, state.last_task));
  }
  if (!state.last_result.empty()) {
    proto.set_last_state(
        static_cast<v1::TaskState>(StateNamed(state.last_result)));
  }
  return proto;
}

}  // namespace cairn::maintenance
