#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/model/uuid.h"

// What a task is, what may become of it, and what of it is kept.
namespace cairn::maintenance {

inline constexpr size_t kMaxRequestIdLength = 128;
inline constexpr size_t kMaxPrincipalLength = 256;
inline constexpr size_t kMaxPhaseLength = 128;
inline constexpr size_t kMaxCounters = 64;
inline constexpr size_t kMaxCounterNameLength = 64;
inline constexpr size_t kMaxOptionsBytes = size_t{64} << 10;
inline constexpr size_t kMaxResultBytes = size_t{1} << 20;
inline constexpr size_t kMaxStatusLength = 1024;
inline constexpr size_t kMaxLogTextLength = 1024;

enum class TaskKind : uint8_t {
  kPrune = 1,
  kGc = 2,
  kVerify = 3,
  kForget = 4,
};
inline constexpr TaskKind kTaskKinds[] = {TaskKind::kPrune, TaskKind::kGc,
                                          TaskKind::kVerify, TaskKind::kForget};
std::string_view TaskKindName(TaskKind kind);  // "unknown" for no kind

//   queued ─▶ running ◀─▶ paused
//     │          │           │
//     └──────────┴───────────┴─▶ succeeded, failed, cancelled, interrupted
enum class TaskState : uint8_t {
  kQueued = 1,  // durable, nobody works on it yet
  kRunning = 2,
  kPaused = 3,  // asked to stand still; goes on when resumed
  kSucceeded = 4,
  kFailed = 5,
  kCancelled = 6,
  kInterrupted = 7,  // maintenance was restarted; nobody goes on with it
};
inline constexpr TaskState kTaskStates[] = {
    TaskState::kQueued,     TaskState::kRunning, TaskState::kPaused,
    TaskState::kSucceeded,  TaskState::kFailed,  TaskState::kCancelled,
    TaskState::kInterrupted};
std::string_view TaskStateName(TaskState state);  // "unknown" for no state
bool HasEnded(TaskState state);

struct Task;
// How an ended task ended, in a line: "succeeded", "failed: no such pack".
std::string DescribeEnd(const Task& task);

// A figure of progress, named by the run: "packs read".
struct TaskCounter {
  std::string name;  // printable, 1..64 bytes
  uint64_t value = 0;
  friend bool operator==(const TaskCounter&, const TaskCounter&) = default;
};

// What is asked for when a task is started.
struct TaskRequest {
  // Names the start, so that a repetition finds the same task: 1..128
  // printable bytes, unique in its datastore as long as the task is kept.
  std::string request_id;
  TaskKind kind = TaskKind::kGc;
  std::string datastore;
  std::string job;        // that starts it; empty: somebody
  std::string principal;  // who asks; printable, at most 256 bytes
  std::string options;    // serialised, opaque here, at most 64 KiB
};

// A long operation and what came of it.
struct Task {
  Uuid id;
  TaskRequest request;
  TaskState state = TaskState::kQueued;
  absl::Time create_time;
  std::optional<absl::Time> start_time;  // when somebody began with it
  std::optional<absl::Time> end_time;
  std::string phase;                  // for people, at most 128 bytes
  std::vector<TaskCounter> counters;  // in the run's order, at most 64
  absl::Status status;                // how it ended; OK before
  std::string result;                 // serialised, opaque here, at most 1 MiB
};

enum class LogLevel : uint8_t { kInfo = 1, kWarning = 2, kError = 3 };
std::string_view LogLevelName(LogLevel level);  // "unknown" for no level

// One line of a task's log. Lines are numbered from 1.
struct LogLine {
  uint64_t sequence = 0;
  absl::Time time;
  LogLevel level = LogLevel::kInfo;
  std::string text;  // printable, at most 1 KiB
};

// InvalidArgument names the field, what was found and what is allowed.
// A job's id: 3..32 characters, [A-Za-z0-9_][A-Za-z0-9._-]*.
absl::Status ValidateJobId(std::string_view id);
absl::Status ValidateTaskRequest(const TaskRequest& request);
absl::Status ValidateCounters(const std::vector<TaskCounter>& counters);
// A whole task, as it comes from a row.
absl::Status ValidateTask(const Task& task);

// FailedPrecondition names both states if a task in `from` cannot become
// `to`. To stay as it is is no transition.
absl::Status CheckTransition(TaskState from, TaskState to);

// What a task becomes if the process that ran it is gone: whoever worked on
// it is gone too, and what was queued was queued in memory.
TaskState StateAfterRestart(TaskState state);

// How a run that returned `status` has ended. `cancelled`: it was asked to
// end; then being cancelled is no failure.
TaskState StateOfResult(const absl::Status& status, bool cancelled);

// A start whose request id is that of `known` is a repetition of that start.
// InvalidArgument names the difference if it asks for something else.
absl::Status CheckSameStart(const Task& known, const TaskRequest& wanted);

// What is kept of tasks that have ended. Bounds on both: their number, for
// space; their age, since a list of last year's runs helps nobody and names
// people and snapshots.
struct TaskRetention {
  size_t max_ended = 1000;  // of a datastore
  absl::Duration max_age = absl::Hours(24 * 90);
};
using EndedTask = std::pair<absl::Time, Uuid>;  // end time
// Those of one datastore that go: the oldest above the number, and all that
// ended more than max_age before `now`.
std::vector<Uuid> ChooseTasksToDrop(std::vector<EndedTask> ended,
                                    absl::Time now,
                                    const TaskRetention& retention);

// A log keeps its first lines, which say what the run was asked for and what
// it found, and its last ones, which say how it ended; what goes is the
// oldest of the lines between.
inline constexpr uint64_t kMaxLogLines = 10000;
inline constexpr uint64_t kFirstLogLinesKept = 1000;
// Which line goes when `sequence` is added; none: there is room.
std::optional<uint64_t> ChooseLogLineToDrop(uint64_t sequence);

}  // namespace cairn::maintenance
