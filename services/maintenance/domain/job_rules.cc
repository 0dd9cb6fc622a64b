#include "services/maintenance/domain/job_rules.h"

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/model/names.h"
#include "common/schedule/calendar_event.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/time/time_zone.h"
#include "services/maintenance/domain/text_rules.h"

namespace cairn::maintenance {
namespace {

bool HasSchedule(const Job& job) {
  return job.enabled && !job.schedule.empty();
}

bool IsOutOfReach(absl::Time counts_from, absl::Time now) {
  return counts_from > now + kClockTolerance;
}

absl::StatusOr<absl::TimeZone> ZoneOf(const Job& job) {
  return job.time_zone.empty() ? absl::UTCTimeZone()
                               : LoadTimeZone(job.time_zone);
}

// The first event that counts.
absl::StatusOr<std::optional<absl::Time>> FirstEvent(const Job& job,
                                                     absl::Time counts_from) {
  ASSIGN_OR_RETURN(const CalendarEvent event,
                   CalendarEvent::Parse(job.schedule));
  ASSIGN_OR_RETURN(const absl::TimeZone zone, ZoneOf(job));
  return event.Next(counts_from, zone);
}

}  // namespace

absl::Status ValidateJobShape(const Job& job) {
  RETURN_IF_ERROR(ValidateJobId(job.id));
  RETURN_IF_ERROR(ValidateDatastoreId(job.datastore));
  if (job.kind != TaskKind::kPrune && job.kind != TaskKind::kGc &&
      job.kind != TaskKind::kVerify) {
    return absl::InvalidArgumentError(absl::StrCat(
        "kind is ", TaskKindName(job.kind), " (", static_cast<int>(job.kind),
        "), prune, gc and verify are allowed for jobs"));
  }
  RETURN_IF_ERROR(CheckText("schedule", job.schedule, 0, kMaxScheduleLength));
  RETURN_IF_ERROR(CheckText("time zone", job.time_zone, 0, kMaxTimeZoneLength));
  RETURN_IF_ERROR(CheckText("comment", job.comment, 0, kMaxCommentLength));
  return CheckSize("options", job.options.size(), kMaxOptionsBytes);
}

absl::Status ValidateJob(const Job& job) {
  RETURN_IF_ERROR(ValidateJobShape(job));
  if (!job.schedule.empty()) {
    RETURN_IF_ERROR(
        WithContext(CalendarEvent::Parse(job.schedule).status(), "schedule"));
  }
  return ZoneOf(job).status();
}

absl::StatusOr<DueDecision> DecideDue(const Job& job, const JobState& state,
                                      absl::Time now, bool running) {
  using Kind = DueDecision::Kind;
  if (!HasSchedule(job)) return DueDecision{};
  if (IsOutOfReach(state.counts_from, now)) {
    return DueDecision{.kind = Kind::kClockWentBack};
  }
  ASSIGN_OR_RETURN(const std::optional<absl::Time> event,
                   FirstEvent(job, state.counts_from));
  if (!event.has_value()) return DueDecision{};
  if (*event > now) return DueDecision{.event = *event};
  if (running) return DueDecision{};
  return DueDecision{.kind = Kind::kDue, .event = *event};
}

absl::StatusOr<std::optional<absl::Time>> NextRun(const Job& job,
                                                  const JobState& state,
                                                  absl::Time now) {
  if (!HasSchedule(job)) return std::optional<absl::Time>();
  return FirstEvent(
      job, IsOutOfReach(state.counts_from, now) ? now : state.counts_from);
}

std::string ScheduledRequestId(const Job& job, const JobState& state,
                               absl::Time event) {
  return absl::StrCat("job:", job.id, ":", absl::ToUnixSeconds(event), ":",
                      absl::ToUnixNanos(state.counts_from), ":",
                      state.last_task.ToString());
}

JobState NewJobState(absl::Time now) {
  JobState state;
  state.counts_from = now;
  return state;
}

JobState StateAfterEdit(const Job& before, const Job& after,
                        const JobState& state, absl::Time now) {
  const bool same_schedule = before.schedule == after.schedule &&
                             before.time_zone == after.time_zone &&
                             before.enabled == after.enabled;
  return same_schedule ? state : RestartSchedule(state, now);
}

JobState StateAfterStart(const JobState& state, const Uuid& task,
                         absl::Time now) {
  JobState next = state;
  // By hand, it may start while the clock shows again what it has shown.
  if (now > state.counts_from || IsOutOfReach(state.counts_from, now)) {
    next.counts_from = now;
  }
  next.last_run = now;
  next.last_task = task;
  next.last_result.clear();
  return next;
}

JobState RestartSchedule(const JobState& state, absl::Time now) {
  JobState next = state;
  next.counts_from = now;
  return next;
}

}  // namespace cairn::maintenance
