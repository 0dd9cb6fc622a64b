#include "client/cli/render/task.h"

#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "client/cli/render/format.h"
#include "client/cli/render/task_options.h"

namespace cairn::client {
namespace {

using namespace maintenance::v1;  // NOLINT: this file is about nothing else

std::string ReasonName(GcResult::Later::Reason reason) {
  if (reason == GcResult::Later::REASON_UNSPECIFIED) return "unknown";
  return WithoutPrefix(GcResult::Later::Reason_Name(reason), "");
}

Json ToJson(const GcResult& result) {
  Json later = Json::array();
  for (const GcResult::Later& entry : result.later()) {
    later.push_back({{"reason", ReasonName(entry.reason())},
                     {"bytes", entry.bytes()},
                     {"until", TimeOrNull(entry.has_until(), entry.until())},
                     {"holder", TextOrNull(entry.holder())}});
  }
  return {{"epoch", result.epoch()},
          {"token", result.token()},
          {"cut", result.cut()},
          {"snapshots", result.snapshots()},
          {"pages", result.pages()},
          {"references", result.references()},
          {"logical_bytes", result.logical_bytes()},
          {"marked_records", result.marked_records()},
          {"marked_bytes", result.marked_bytes()},
          {"missing_records", result.missing_records()},
          {"dropped_records", result.dropped_records()},
          {"dropped_bytes", result.dropped_bytes()},
          {"freed_bytes", result.freed_bytes()},
          {"removed_packs", result.removed_packs()},
          {"compacted_packs", result.compacted_packs()},
          {"copied_bytes", result.copied_bytes()},
          {"removed_snapshots", result.removed_snapshots()},
          {"dropped_pages", result.dropped_pages()},
          {"later", std::move(later)},
          {"pack_bytes", result.pack_bytes()}};
}

Json ToJson(const VerifyResult& result) {
  Json damage = Json::array();
  for (const VerifyResult::Damage& found : result.damage()) {
    Json ranges = Json::array();
    for (const model::v1::DamagedRange& range : found.ranges()) {
      ranges.push_back({{"archive", range.archive()},
                        {"offset", range.offset()},
                        {"length", range.length()}});
    }
    damage.push_back({{"snapshot", found.snapshot()},
                      {"ranges", std::move(ranges)},
                      {"damaged_bytes", found.damaged_bytes()}});
  }
  return {{"snapshots", result.snapshots()},
          {"verified_ok", result.verified_ok()},
          {"verified_failed", result.verified_failed()},
          {"packs", result.packs()},
          {"records", result.records()},
          {"bytes", result.bytes()},
          {"damaged_records", result.damaged_records()},
          {"missing_records", result.missing_records()},
          {"damage", std::move(damage)},
          {"complete", result.complete()}};
}

Json ToJson(const TaskResult& result) {
  switch (result.result_case()) {
    case TaskResult::kPrune:
      return client::ToJson(result.prune());
    case TaskResult::kGc:
      return ToJson(result.gc());
    case TaskResult::kVerify:
      return ToJson(result.verify());
    default:
      return nullptr;
  }
}

std::string SeverityName(TaskLogLine::Severity severity) {
  if (severity == TaskLogLine::SEVERITY_UNSPECIFIED) return "info";
  return WithoutPrefix(TaskLogLine::Severity_Name(severity), "");
}

}  // namespace

std::string TaskKindName(TaskKind kind) {
  return WithoutPrefix(TaskKind_Name(kind), "TASK_KIND_");
}

std::string TaskStateName(TaskState state) {
  return WithoutPrefix(TaskState_Name(state), "TASK_STATE_");
}

std::string PruneActionText(PruneAction action) {
  return absl::StrReplaceAll(
      WithoutPrefix(PruneAction_Name(action), "PRUNE_ACTION_"), {{"_", "-"}});
}

std::string LastPart(const std::string& name) {
  // All of it if there is no slash.
  return name.substr(name.rfind('/') + 1);
}

Json ToJson(const PruneResult& result) {
  return {{"plan_hash", result.plan_hash()}, {"groups", result.groups()},
          {"kept", result.kept()},           {"forgotten", result.forgotten()},
          {"refused", result.refused()},     {"failed", result.failed()}};
}

Json ToJson(const PruneDecision& decision) {
  return {{"snapshot", decision.snapshot()},
          {"action", PruneActionText(decision.action())},
          {"reason", decision.reason()}};
}

Json ToJson(const Task& task) {
  Json counters = Json::object();
  for (const Task::Counter& counter : task.counters()) {
    counters[counter.name()] = counter.value();
  }
  Json status = nullptr;
  if (task.has_status() && task.status().code() != 0) {
    const auto code = static_cast<absl::StatusCode>(task.status().code());
    status = {{"code", absl::StatusCodeToString(code)},
              {"message", task.status().message()}};
  }
  return {
      {"name", task.name()},
      {"request_id", task.request_id()},
      {"kind", TaskKindName(task.kind())},
      {"state", TaskStateName(task.state())},
      {"job", TextOrNull(task.job())},
      {"principal", task.principal()},
      {"create_time", TimeOrNull(task.has_create_time(), task.create_time())},
      {"start_time", TimeOrNull(task.has_start_time(), task.start_time())},
      {"end_time", TimeOrNull(task.has_end_time(), task.end_time())},
      {"phase", task.phase()},
      {"counters", std::move(counters)},
      {"options", ToJson(task.options())},
      {"status", std::move(status)},
      {"result", ToJson(task.result())}};
}

Json ToJson(const TaskLogLine& line) {
  return {{"sequence", line.sequence()},
          {"time", TimeOrNull(line.has_time(), line.time())},
          {"severity", SeverityName(line.severity())},
          {"text", line.text()}};
}

Json ToJson(const Job& job) {
  return {{"name", job.name()},
          {"kind", TaskKindName(KindOf(job.options()))},
          {"options", ToJson(job.options())},
          {"schedule", TextOrNull(job.schedule())},
          {"time_zone", job.time_zone().empty() ? "UTC" : job.time_zone()},
          {"enabled", job.enabled()},
          {"comment", job.comment()},
          {"next_run", TimeOrNull(job.has_next_run(), job.next_run())},
          {"last_run", TimeOrNull(job.has_last_run(), job.last_run())},
          {"last_task", TextOrNull(job.last_task())},
          {"last_state", job.last_state() == TASK_STATE_UNSPECIFIED
                             ? Json(nullptr)
                             : Json(TaskStateName(job.last_state()))}};
}

Json ToJson(const GetVerifyStateResponse& state) {
  Json ages = Json::array();
  for (const GetVerifyStateResponse::Age& age : state.ages()) {
    ages.push_back(
        {{"within_seconds", ToSeconds(age.within())}, {"bytes", age.bytes()}});
  }
  return {{"pack_bytes", state.pack_bytes()},
          {"never_proved_bytes", state.never_proved_bytes()},
          {"oldest_proof",
           TimeOrNull(state.has_oldest_proof(), state.oldest_proof())},
          {"ages", std::move(ages)}};
}

std::string DescribeProgress(const Task& task) {
  std::string text = TaskKindName(task.kind());
  absl::StrAppend(&text, ": ",
                  task.state() == TASK_STATE_RUNNING && !task.phase().empty()
                      ? task.phase()
                      : TaskStateName(task.state()));
  for (const Task::Counter& counter : task.counters()) {
    constexpr std::string_view kBytes = "_bytes";
    std::string_view name = counter.name();
    const bool bytes = absl::EndsWith(name, kBytes);
    if (bytes) name.remove_suffix(kBytes.size());
    absl::StrAppend(
        &text, ", ", absl::StrReplaceAll(name, {{"_", " "}}), " ",
        bytes ? FormatBytes(counter.value()) : absl::StrCat(counter.value()));
  }
  return Printable(text);
}

std::string DescribeLine(const TaskLogLine& line) {
  const std::string severity = SeverityName(line.severity());
  return absl::StrCat(FormatTime(line.time()), " ",
                      severity == "info" ? "" : severity + ": ",
                      Printable(line.text()));
}

}  // namespace cairn::client
