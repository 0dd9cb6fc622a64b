#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/task_rules.h"

// Work that recurs: what a job is, and when it is due.
namespace cairn::maintenance {

inline constexpr size_t kMaxScheduleLength = 256;
inline constexpr size_t kMaxTimeZoneLength = 64;
inline constexpr size_t kMaxCommentLength = 1024;

// How far a clock may be set back before the schedule is taken up anew.
inline constexpr absl::Duration kClockTolerance = absl::Hours(1);

// A job of a datastore. A plain value.
struct Job {
  std::string id;  // 3..32 characters, [A-Za-z0-9_][A-Za-z0-9._-]*
  std::string datastore;
  TaskKind kind = TaskKind::kGc;  // prune, gc or verify
  std::string schedule;           // a calendar event; empty: only by hand
  std::string time_zone;          // of the schedule; empty: UTC
  bool enabled = true;            // false: only by hand
  std::string comment;            // printable, at most 1 KiB
  std::string options;  // of its tasks: serialised, opaque, at most 64 KiB
  friend bool operator==(const Job&, const Job&) = default;
};

// What has become of a job's schedule.
struct JobState {
  // Only events after this instant count: when the job was made, its
  // schedule, its time zone or `enabled` changed, its last run started, or
  // the clock was found to have been set back.
  absl::Time counts_from;
  std::optional<absl::Time> last_run;  // when it started
  Uuid last_task;                      // zero: none
  // How the last run ended, for people; empty: it has not, or there is none.
  std::string last_result;
  friend bool operator==(const JobState&, const JobState&) = default;
};

// InvalidArgument names the field, what was found and what is allowed; a
// schedule or a time zone that cannot be read is among it.
absl::Status ValidateJob(const Job& job);
// The same but for whether the schedule and the time zone can be read, which
// depends on the release and on the machine's time zone database.
absl::Status ValidateJobShape(const Job& job);

// Whether a job has to be started now.
struct DueDecision {
  enum class Kind {
    kNotDue,
    kDue,
    // counts_from is so far in the future that the clock must have been set
    // back: RestartSchedule has to be made durable, nothing is started.
    kClockWentBack,
  };
  Kind kind = Kind::kNotDue;
  // kDue: the first event that counts; later ones that were missed as well
  // are the same run. kNotDue: the next event, InfiniteFuture if there is
  // none or if the end of the running task has to be waited for.
  absl::Time event = absl::InfiniteFuture();
};

// A job is due if an event after state.counts_from has come. Missed runs
// collapse into one; a job that is running is not due before it has ended, and
// then at once if an event has come meanwhile.
//
// A clock that was set back by at most kClockTolerance fires nothing twice:
// until it shows again what it has shown, nothing is due. If it was set back
// further, or was ahead before, that would mean silence for as long; then the
// schedule goes on from the time that it shows now. Neither ever makes more
// than one run of what has been missed, however often the clock jumps.
//
// InvalidArgument: the schedule or its time zone cannot be read (any more).
absl::StatusOr<DueDecision> DecideDue(const Job& job, const JobState& state,
                                      absl::Time now, bool running);

// For lists: when the job is to run next, which is in the past if it is due
// already. None: never by itself. InvalidArgument as above.
absl::StatusOr<std::optional<absl::Time>> NextRun(const Job& job,
                                                  const JobState& state,
                                                  absl::Time now);

// The request id of the run for `event`. Starts of one run have the same, so
// that it exists once, whatever crashes between starting and remembering it;
// it names the former run too, so that the same event has another one after
// the clock was set back.
std::string ScheduledRequestId(const Job& job, const JobState& state,
                               absl::Time event);

// How states change.
JobState NewJobState(absl::Time now);
JobState StateAfterEdit(const Job& before, const Job& after,
                        const JobState& state, absl::Time now);
JobState StateAfterStart(const JobState& state, const Uuid& task,
                         absl::Time now);
// For kClockWentBack.
JobState RestartSchedule(const JobState& state, absl::Time now);

}  // namespace cairn::maintenance
