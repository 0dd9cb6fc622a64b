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

bool IsAway(const absl::Status& error) {
  return absl::IsUnavailable(error) || absl::IsDeadlineExceeded(error);
}

}  // namespace

CoordinatorRounds::CoordinatorRounds(const Options& options,
                                     const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      repeater_(dependencies.executor, [this](const CancellationToken& stop) {
        return RunRound(stop);
      }) {}

CoordinatorRounds::~CoordinatorRounds() { Stop(); }

void CoordinatorRounds::Start() { repeater_.Start(); }

void CoordinatorRounds::Stop() { repeater_.Stop(); }

absl::Status CoordinatorRounds::last_result() const {
  absl::MutexLock lock(&mutex_);
  return last_result_;
}

absl::Duration CoordinatorRounds::RunRound(const CancellationToken& stop) {
  const Result done = DoRound(stop);
  {
    absl::MutexLock lock(&mutex_);
    last_result_ = done.common;
  }
  const absl::Status& result = done.all;
  if (result.ok()) {
    if (failures_ > 0) {
      LOG(INFO) << "background round works again failures=" << failures_;
    }
    failures_ = 0;
    return options_.period;
  }
  if (stop.cancelled()) return options_.period;
  // Every further failure of the same kind is only counted.
  if (failures_ == 0) {
    LOG(WARNING) << "background round failed, it is repeated error=" << result;
  }
  const absl::Duration delay =
      options_.first_backoff * (int64_t{1} << std::min(failures_, 20));
  ++failures_;
  dependencies_.metrics->round_failures.Increment();
  return std::min(delay, options_.max_backoff);
}

CoordinatorRounds::Result CoordinatorRounds::DoRound(
    const CancellationToken& stop) {
  LogFields fields;
  SetTraceFields(ToTraceParent(NewTrace()), &fields);
  const LogScope scope(&fields);
  Call call;
  call.caller = {.kind = CallerKind::kLocal,
                 .role = CallerRole::kMaintenance,
                 .principal = "maintenance@service"};
  call.deadline = dependencies_.clock->Now() + options_.timeout;
  call.cancellation = &stop;
  Result result;
  result.common = dependencies_.coordinator->SaveExpiries();
  result.common.Update(PushTouchFloors(call, &result));
  result.all.Update(result.common);
  return result;
}

absl::Status CoordinatorRounds::PushTouchFloors(const Call& call,
                                                Result* result) {
  absl::Status common;
  PageRequest request{.page_size = kMaxPageSize};
  for (int page = 0; page < kMaxPages; ++page) {
    ASSIGN_OR_RETURN(ListPage<Datastore> datastores,
                     dependencies_.catalog->ListDatastores(call, request));
    for (const Datastore& datastore : datastores.items) {
      RETURN_IF_ERROR(call.cancellation->Check());
      dependencies_.metrics->ShowDatastore(datastore.name);
      // One datastore in trouble keeps no other from its floor.
      const absl::Status pushed =
          dependencies_.coordinator->PushTouchFloor(call, datastore.name);
      result->all.Update(pushed);
      if (IsAway(pushed)) common.Update(pushed);
    }
    if (datastores.next_page_token.empty()) return common;
    request.page_token = std::move(datastores.next_page_token);
  }
  return common;
}

}  // namespace cairn::maintenance
