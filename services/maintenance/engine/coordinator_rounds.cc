#include "services/maintenance/engine/coordinator_rounds.h"

#include <algorithm>
#include <string>
#include <utility>

#include "common/log/log.h"
#include "common/log/log_fields.h"
#include "common/status/status_macros.h"
#include "common/trace/trace_context.h"

namespace cairn::maintenance {
namespace {

// Pages of the list of datastores that one round walks: a million datastores.
constexpr int kMaxPages = 1000;

}  // namespace

CoordinatorRounds::CoordinatorRounds(const Options& options,
                                     const Dependencies& dependencies)
    : options_(options), dependencies_(dependencies) {}

CoordinatorRounds::~CoordinatorRounds() { Stop(); }

void CoordinatorRounds::Start() { Schedule(absl::ZeroDuration()); }

void CoordinatorRounds::Stop() {
  Executor::TimerId timer = 0;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return;
    stopped_ = true;
    timer = timer_;
  }
  stop_.Cancel();
  if (timer != 0) dependencies_.executor->Cancel(timer);
}

absl::Status CoordinatorRounds::last_result() const {
  absl::MutexLock lock(&mutex_);
  return last_result_;
}

void CoordinatorRounds::Schedule(absl::Duration delay) {
  absl::MutexLock lock(&mutex_);
  if (stopped_) return;
  timer_ = dependencies_.executor->ScheduleAfter(delay,
                                                 [this] { RunAndSchedule(); });
}

void CoordinatorRounds::RunAndSchedule() {
  const absl::Status result = RunRound();
  absl::Duration delay = options_.period;
  {
    absl::MutexLock lock(&mutex_);
    last_result_ = result;
    if (stopped_) return;
    if (result.ok()) {
      if (failures_ > 0) {
        LOG(INFO) << "background round works again failures=" << failures_;
      }
      failures_ = 0;
    } else {
      // Every further failure of the same kind is only counted.
      if (failures_ == 0) {
        LOG(WARNING) << "background round failed, it is repeated error="
                     << result;
      }
      delay = options_.first_backoff * (int64_t{1} << std::min(failures_, 20));
      delay = std::min(delay, options_.max_backoff);
      ++failures_;
    }
  }
  if (!result.ok()) dependencies_.metrics->round_failures.Increment();
  Schedule(delay);
}

absl::Status CoordinatorRounds::RunRound() {
  LogFields fields;
  SetTraceFields(ToTraceParent(NewTrace()), &fields);
  const LogScope scope(&fields);
  Call call;
  call.caller = {.kind = CallerKind::kLocal,
                 .role = CallerRole::kMaintenance,
                 .principal = "maintenance@service"};
  call.deadline = dependencies_.clock->Now() + options_.timeout;
  call.cancellation = &stop_;
  absl::Status result = dependencies_.coordinator->SaveExpiries();
  result.Update(PushTouchFloors(call));
  return result;
}

absl::Status CoordinatorRounds::PushTouchFloors(const Call& call) {
  absl::Status result;
  PageRequest request{.page_size = kMaxPageSize};
  for (int page = 0; page < kMaxPages; ++page) {
    ASSIGN_OR_RETURN(ListPage<Datastore> datastores,
                     dependencies_.catalog->ListDatastores(call, request));
    for (const Datastore& datastore : datastores.items) {
      RETURN_IF_ERROR(stop_.Check());
      dependencies_.metrics->ShowDatastore(datastore.name);
      // One datastore in trouble keeps no other from its floor.
      result.Update(
          dependencies_.coordinator->PushTouchFloor(call, datastore.name));
    }
    if (datastores.next_page_token.empty()) return result;
    request.page_token = std::move(datastores.next_page_token);
  }
  return result;
}

}  // namespace cairn::maintenance
