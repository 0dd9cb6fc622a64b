#include "services/maintenance/storage/task_codec.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "cairn/record/v1/record.pb.h"
#include "common/model/names.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/text/printable.h"
#include "services/maintenance/storage/row_key.h"

namespace cairn::maintenance {
namespace {

constexpr std::string_view kTasks = "tasks";
constexpr std::string_view kLogs = "task_logs";
constexpr std::string_view kJobs = "jobs";
constexpr std::string_view kJobStates = "job_states";

constexpr size_t kIdBytes = 16;
constexpr size_t kSequenceBytes = 8;
constexpr uint32_t kMaxStatusCode = 16;

// Enums are one byte here and more in a row; out of range stays out of range.
template <typename Enum>
Enum ToEnum(uint32_t value) {
  return static_cast<Enum>(value > 0xFF ? 0 : value);
}

// 0 in a row is no time.
int64_t ToNanos(const std::optional<absl::Time>& time) {
  return time.has_value() ? absl::ToUnixNanos(*time) : 0;
}

std::optional<absl::Time> FromNanos(int64_t nanos) {
  if (nanos == 0) return std::nullopt;
  return absl::FromUnixNanos(nanos);
}

// Parses and checks the version.
template <typename Row>
absl::StatusOr<Row> ParseRow(std::string_view table, std::string_view key,
                             std::string_view value) {
  Row row;
  if (!row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return BadRow(table, key, absl::StrCat("is no row of this table"));
  }
  RETURN_IF_ERROR(CheckRowVersion(table, key, row.format_version()));
  return row;
}

absl::StatusOr<DatastoreKeyParts> SplitKey(std::string_view table,
                                           std::string_view key) {
  const std::optional<DatastoreKeyParts> parts = SplitDatastoreKey(key);
  if (parts.has_value() && ValidateDatastoreId(parts->datastore).ok()) {
    return *parts;
  }
  return BadRow(table, key, "its key names no datastore");
}

absl::Status CheckValid(std::string_view table, std::string_view key,
                        const absl::Status& valid) {
  return valid.ok() ? valid : BadRow(table, key, valid.message());
}

}  // namespace

std::string TaskKey(std::string_view datastore, const Uuid& id) {
  return DatastoreKey(datastore, id.view());
}

std::string TaskLogPrefix(std::string_view datastore, const Uuid& id) {
  return DatastoreKey(datastore, id.view());
}

std::string TaskLogKey(std::string_view datastore, const Uuid& id,
                       uint64_t sequence) {
  std::string key = TaskLogPrefix(datastore, id);
  for (size_t i = 0; i < kSequenceBytes; ++i) {
    key.push_back(
        static_cast<char>(sequence >> (8 * (kSequenceBytes - 1 - i))));
  }
  return key;
}

std::string JobKey(std::string_view datastore, std::string_view job) {
  return DatastoreKey(datastore, job);
}

std::string EncodeTask(const Task& task) {
  record::v1::TaskRow row;
  row.set_format_version(kRowFormatVersion);
  row.set_request_id(task.request.request_id);
  row.set_kind(static_cast<uint32_t>(task.request.kind));
  row.set_datastore(task.request.datastore);
  row.set_job(task.request.job);
  row.set_principal(task.request.principal);
  row.set_options(task.request.options);
  row.set_state(static_cast<uint32_t>(task.state));
  row.set_create_time_nanos(absl::ToUnixNanos(task.create_time));
  row.set_start_time_nanos(ToNanos(task.start_time));
  row.set_end_time_nanos(ToNanos(task.end_time));
  row.set_phase(task.phase);
  for (const TaskCounter& counter : task.counters) {
    record::v1::TaskRow::Counter* added = row.add_counters();
    added->set_name(counter.name);
    added->set_value(counter.value);
  }
  row.set_status_code(static_cast<uint32_t>(task.status.code()));
  row.set_status_message(std::string(task.status.message()));
  if (const std::optional<Reason> reason = ReasonOf(task.status)) {
    row.set_status_reason(reason->code);
  }
  row.set_result(task.result);
  return row.SerializeAsString();
}

absl::StatusOr<Task> DecodeTask(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(const record::v1::TaskRow row,
                   ParseRow<record::v1::TaskRow>(kTasks, key, value));
  ASSIGN_OR_RETURN(const DatastoreKeyParts parts, SplitKey(kTasks, key));
  if (parts.rest.size() != kIdBytes || parts.datastore != row.datastore()) {
    return BadRow(kTasks, key, "is not the key of this task");
  }
  if (row.status_code() > kMaxStatusCode) {
    return BadRow(kTasks, key,
                  absl::StrCat("status is ", row.status_code(),
                               ", which is no code of a status"));
  }
  Task task;
  ASSIGN_OR_RETURN(task.id, Uuid::FromBytes(parts.rest));
  task.request.request_id = row.request_id();
  task.request.kind = ToEnum<TaskKind>(row.kind());
  task.request.datastore = row.datastore();
  task.request.job = row.job();
  task.request.principal = row.principal();
  task.request.options = row.options();
  task.state = ToEnum<TaskState>(row.state());
  task.create_time = absl::FromUnixNanos(row.create_time_nanos());
  task.start_time = FromNanos(row.start_time_nanos());
  task.end_time = FromNanos(row.end_time_nanos());
  task.phase = row.phase();
  for (const record::v1::TaskRow::Counter& counter : row.counters()) {
    task.counters.push_back({counter.name(), counter.value()});
  }
  task.status = absl::Status(static_cast<absl::StatusCode>(row.status_code()),
                             row.status_message());
  if (!row.status_reason().empty()) {
    task.status = WithReason(std::move(task.status), row.status_reason());
  }
  task.result = row.result();
  RETURN_IF_ERROR(CheckValid(kTasks, key, ValidateTask(task)));
  return task;
}

std::string EncodeLogLine(const LogLine& line) {
  record::v1::TaskLogRow row;
  row.set_format_version(kRowFormatVersion);
  row.set_time_nanos(absl::ToUnixNanos(line.time));
  row.set_severity(static_cast<uint32_t>(line.level));
  row.set_text(line.text);
  return row.SerializeAsString();
}

absl::StatusOr<uint64_t> LogLineSequence(std::string_view key) {
  ASSIGN_OR_RETURN(const DatastoreKeyParts parts, SplitKey(kLogs, key));
  if (parts.rest.size() != kIdBytes + kSequenceBytes) {
    return BadRow(kLogs, key, "is not the key of a log line");
  }
  uint64_t sequence = 0;
  for (const char byte : parts.rest.substr(kIdBytes)) {
    sequence = sequence << 8 | static_cast<unsigned char>(byte);
  }
  return sequence;
}

absl::StatusOr<LogLine> DecodeLogLine(std::string_view key,
                                      std::string_view value) {
  ASSIGN_OR_RETURN(const record::v1::TaskLogRow row,
                   ParseRow<record::v1::TaskLogRow>(kLogs, key, value));
  LogLine line;
  ASSIGN_OR_RETURN(line.sequence, LogLineSequence(key));
  line.time = absl::FromUnixNanos(row.time_nanos());
  line.level = ToEnum<LogLevel>(row.severity());
  line.text = row.text();
  if (LogLevelName(line.level) == "unknown" ||
      line.text.size() > kMaxLogTextLength || !IsPrintableUtf8(line.text)) {
    return BadRow(
        kLogs, key,
        absl::StrCat("severity ", row.severity(), " and text of ",
                     line.text.size(), " bytes are not those of a log line"));
  }
  return line;
}

std::string EncodeJob(const Job& job) {
  record::v1::JobRow row;
  row.set_format_version(kRowFormatVersion);
  row.set_id(job.id);
  row.set_datastore(job.datastore);
  row.set_kind(static_cast<uint32_t>(job.kind));
  row.set_schedule(job.schedule);
  row.set_time_zone(job.time_zone);
  row.set_enabled(job.enabled);
  row.set_comment(job.comment);
  row.set_options(job.options);
  return row.SerializeAsString();
}

absl::StatusOr<Job> DecodeJob(std::string_view key, std::string_view value) {
  ASSIGN_OR_RETURN(const record::v1::JobRow row,
                   ParseRow<record::v1::JobRow>(kJobs, key, value));
  Job job;
  job.id = row.id();
  job.datastore = row.datastore();
  job.kind = ToEnum<TaskKind>(row.kind());
  job.schedule = row.schedule();
  job.time_zone = row.time_zone();
  job.enabled = row.enabled();
  job.comment = row.comment();
  job.options = row.options();
  RETURN_IF_ERROR(CheckValid(kJobs, key, ValidateJobShape(job)));
  if (key != JobKey(job.datastore, job.id)) {
    return BadRow(kJobs, key, "is not the key of this job");
  }
  return job;
}

std::string EncodeJobState(const JobState& state) {
  record::v1::JobStateRow row;
  row.set_format_version(kRowFormatVersion);
  row.set_schedule_changed_time_nanos(absl::ToUnixNanos(state.counts_from));
  row.set_last_run_nanos(ToNanos(state.last_run));
  if (!state.last_task.is_zero()) {
    row.set_last_task(std::string(state.last_task.view()));
  }
  row.set_last_result(state.last_result);
  return row.SerializeAsString();
}

absl::StatusOr<JobState> DecodeJobState(std::string_view key,
                                        std::string_view value) {
  ASSIGN_OR_RETURN(const record::v1::JobStateRow row,
                   ParseRow<record::v1::JobStateRow>(kJobStates, key, value));
  JobState state;
  state.counts_from = absl::FromUnixNanos(row.schedule_changed_time_nanos());
  state.last_run = FromNanos(row.last_run_nanos());
  if (!row.last_task().empty()) {
    const auto task = Uuid::FromBytes(row.last_task());
    if (!task.ok()) return BadRow(kJobStates, key, task.status().message());
    state.last_task = *task;
  }
  state.last_result = row.last_result();
  if (state.last_result.size() > kMaxStatusLength) {
    return BadRow(kJobStates, key,
                  absl::StrCat("last result is ", state.last_result.size(),
                               " bytes long, at most ", kMaxStatusLength,
                               " are allowed"));
  }
  return state;
}

}  // namespace cairn::maintenance
