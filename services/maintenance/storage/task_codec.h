#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/job_rules.h"
#include "services/maintenance/domain/task_rules.h"

// Keys and rows of the tables of TaskStore. What is decoded is valid by the
// rules of domain/; everything else is DataLoss that names the row.
namespace cairn::maintenance {

std::string TaskKey(std::string_view datastore, const Uuid& id);
std::string TaskLogKey(std::string_view datastore, const Uuid& id,
                       uint64_t sequence);
// Of all log lines of a task.
std::string TaskLogPrefix(std::string_view datastore, const Uuid& id);
std::string JobKey(std::string_view datastore, std::string_view job);

std::string EncodeTask(const Task& task);
absl::StatusOr<Task> DecodeTask(std::string_view key, std::string_view value);

std::string EncodeLogLine(const LogLine& line);
absl::StatusOr<LogLine> DecodeLogLine(std::string_view key,
                                      std::string_view value);
// The number of the line, from its key alone.
absl::StatusOr<uint64_t> LogLineSequence(std::string_view key);

std::string EncodeJob(const Job& job);
absl::StatusOr<Job> DecodeJob(std::string_view key, std::string_view value);

std::string EncodeJobState(const JobState& state);
absl::StatusOr<JobState> DecodeJobState(std::string_view key,
                                        std::string_view value);

}  // namespace cairn::maintenance
