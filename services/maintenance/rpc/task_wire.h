#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/task_service.pb.h"
#include "common/model/uuid.h"
#include "common/prune/prune_selection.h"
#include "services/maintenance/domain/job_rules.h"
#include "services/maintenance/domain/run_options.h"
#include "services/maintenance/domain/run_results.h"
#include "services/maintenance/domain/task_rules.h"
#include "services/maintenance/domain/verify_plan.h"
#include "services/maintenance/engine/job_book.h"
#include "services/maintenance/engine/task_work.h"

// Tasks and jobs between the engine and their messages. What comes from a
// message is hostile: every bound is checked here, and InvalidArgument names
// the field.
namespace cairn::maintenance {

// "datastores/{d}/tasks/{uuid}"
struct TaskName {
  std::string datastore;
  Uuid id;
};
absl::StatusOr<TaskName> TaskNameFromProto(std::string_view field,
                                           std::string_view text);
std::string TaskNameToProto(std::string_view datastore, const Uuid& id);

// "datastores/{d}/jobs/{id}"
struct JobName {
  std::string datastore;
  std::string id;
};
absl::StatusOr<JobName> JobNameFromProto(std::string_view field,
                                         std::string_view text);
std::string JobNameToProto(std::string_view datastore, std::string_view id);

// What is to be done, and to which datastore.
struct DecodedOptions {
  TaskKind kind = TaskKind::kGc;
  std::string datastore;
  RunOptions options;
  std::string bytes;  // as rows keep them
};
absl::StatusOr<DecodedOptions> FromProto(const v1::TaskOptions& proto);
absl::StatusOr<PruneRunOptions> FromProto(const v1::PruneOptions& proto);
absl::StatusOr<PruneOptions> FromProto(const v1::KeepOptions& proto);

// The resource that a task or job is about, by its options as rows keep them.
// Where they do not tell: the whole datastore.
std::string ResourceOf(std::string_view datastore, std::string_view options);

v1::TaskResult ToProto(const RunResult& result);
v1::PruneResult ToProto(const PruneRunResult& result);
v1::PruneAction ToProto(PruneAction action);

// Unspecified: none. InvalidArgument: no kind, or state, of this release.
absl::StatusOr<std::optional<TaskKind>> FromProto(v1::TaskKind kind);
absl::StatusOr<std::optional<TaskState>> FromProto(v1::TaskState state);

// `version`: 0 where it is not known.
v1::Task ToProto(const Task& task, uint64_t version);
v1::TaskLogLine ToProto(const LogLine& line);
v1::GetVerifyStateResponse ToProto(const VerifyDebt& debt);

absl::StatusOr<Job> FromProto(const v1::Job& proto);
v1::Job ToProto(const JobView& view);

// The bytes of rows are these messages.
class ProtoTaskCodec final : public TaskCodec {
 public:
  absl::StatusOr<RunOptions> DecodeOptions(
      TaskKind kind, std::string_view options) const override;
  std::string EncodeResult(const RunResult& result) const override;
};

}  // namespace cairn::maintenance
