#include "services/ingest/engine/token_replica.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/token/token_text.h"

namespace cairn::ingest {
namespace {

absl::Status CannotTell(std::string_view why) {
  return absl::UnavailableError(
      absl::StrCat("token cannot be checked now: ", why, "; try again"));
}

Counter& Refreshes(MetricRegistry& registry, const char* result) {
  return registry.AddCounter("cairn_ingest_token_refreshes_total",
                             "Refreshes of the copy of tokens by result.",
                             {{"result", result}});
}

}  // namespace

TokenReplica::Metrics::Metrics(MetricRegistry* registry)
    : age_seconds(registry->AddGauge(
          "cairn_ingest_token_directory_age_seconds",
          "Time since maintenance confirmed the copy of tokens; above 60 no "
          "token is good.")),
      refreshes_ok(Refreshes(*registry, "ok")),
      refreshes_failed(Refreshes(*registry, "failed")) {}

TokenReplica::TokenReplica(const Options& options,
                           const Dependencies& dependencies)
    : options_(options),
      dependencies_(dependencies),
      born_(dependencies.clock->Monotonic()) {}

TokenReplica::~TokenReplica() { Stop(); }

void TokenReplica::Start() {
  absl::MutexLock lock(&mutex_);
  Schedule(absl::ZeroDuration());
}

void TokenReplica::Stop() {
  std::vector<Waiter> waiting;
  std::map<uint64_t, Executor::TimerId> timers;
  {
    absl::MutexLock lock(&mutex_);
    if (stopped_) return;
    stopped_ = true;
    waiting.swap(waiting_);
    timers.swap(timers_);
  }
  stop_.Cancel();
  for (const auto& [number, timer] : timers) {
    dependencies_.executor->Cancel(timer);
  }
  // A refresh that has taken its timer from the map is over when this is.
  const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return !running_;
  };
  {
    absl::MutexLock lock(&mutex_);
    dependencies_.executor->Await(&mutex_, absl::Condition(&ended),
                                  absl::InfiniteDuration());
  }
  for (Waiter& waiter : waiting) {
    waiter.done(CannotTell("the server is stopping"));
  }
}

bool TokenReplica::IsTrusted() const {
  return confirmed_.has_value() &&
         dependencies_.clock->Monotonic() - *confirmed_ < options_.max_age;
}

void TokenReplica::Schedule(absl::Duration delay) {
  if (stopped_ || running_) return;
  const absl::Duration due = dependencies_.clock->Monotonic() + delay;
  if (due_ <= due) return;
  due_ = due;
  const uint64_t number = next_timer_++;
  timers_[number] = dependencies_.executor->ScheduleAfter(
      delay, [this, number] { Run(number); });
}

absl::Duration TokenReplica::DelayForWaiters() const {
  return std::max(absl::ZeroDuration(), last_begin_ + options_.min_gap -
                                            dependencies_.clock->Monotonic());
}

void TokenReplica::Find(std::string_view text, Done done) {
  const std::optional<TokenProof> proof = ParseTokenText(text);
  if (!proof.has_value()) {
    done(UnknownTokenError());
    return;
  }
  std::optional<absl::StatusOr<Caller>> caller = FindOrWait(*proof, done);
  if (caller.has_value()) done(*std::move(caller));
}

std::optional<absl::StatusOr<Caller>> TokenReplica::FindNow(
    std::string_view text) {
  const std::optional<TokenProof> proof = ParseTokenText(text);
  if (!proof.has_value()) return UnknownTokenError();
  absl::MutexLock lock(&mutex_);
  return FindKnown(*proof);
}

std::optional<absl::StatusOr<Caller>> TokenReplica::FindKnown(
    const TokenProof& proof) {
  if (stopped_) return CannotTell("the server is stopping");
  if (IsTrusted() && table_.Contains(proof.id)) {
    return table_.Find(proof, dependencies_.clock->Now());
  }
  return std::nullopt;
}

std::optional<absl::StatusOr<Caller>> TokenReplica::FindOrWait(
    const TokenProof& proof, Done& done) {
  absl::MutexLock lock(&mutex_);
  if (auto known = FindKnown(proof)) return known;
  if (waiting_.size() >= options_.max_waiting) {
    return CannotTell("too many callers wait for that");
  }
  waiting_.push_back({proof, refreshes_ + 1, std::move(done)});
  Schedule(DelayForWaiters());
  return std::nullopt;
}

void TokenReplica::Run(uint64_t timer) {
  {
    absl::MutexLock lock(&mutex_);
    timers_.erase(timer);
    // Another timer was faster.
    if (stopped_ || running_ || dependencies_.clock->Monotonic() < due_) {
      return;
    }
    running_ = true;
    due_ = absl::InfiniteDuration();
  }
  Refresh();
}

void TokenReplica::Refresh() {
  Call call{.caller = {.kind = CallerKind::kLocal,
                       .role = CallerRole::kIngest,
                       .principal = "ingest@service"}};
  call.cancellation = &stop_;
  call.deadline = dependencies_.clock->Now() + options_.timeout;
  const absl::Duration begun = dependencies_.clock->Monotonic();
  std::string known;
  uint64_t number = 0;
  {
    absl::MutexLock lock(&mutex_);
    known = version_;
    number = ++refreshes_;
    last_begin_ = begun;
  }
  absl::StatusOr<TokenCopy> copy =
      dependencies_.tokens->ReadTokens(call, known);
  std::vector<Answer> answers;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Status result = Take(std::move(copy), begun);
    Note(result);
    answers = TakeAnswers(number, result);
  }
  for (Answer& answer : answers) answer.done(std::move(answer.caller));
  absl::MutexLock lock(&mutex_);
  running_ = false;
  Schedule(waiting_.empty() ? options_.period : DelayForWaiters());
}

absl::Status TokenReplica::Take(absl::StatusOr<TokenCopy> copy,
                                absl::Duration begun) {
  if (!copy.ok()) return copy.status();
  if (copy->unchanged && copy->version != version_) {
    return absl::DataLossError(
        "maintenance says that the tokens are those of a version that this "
        "process does not have");
  }
  if (!copy->unchanged) {
    table_ = TokenTable(std::move(copy->entries));
    version_ = std::move(copy->version);
  }
  confirmed_ = begun;
  return absl::OkStatus();
}

void TokenReplica::Note(const absl::Status& result) {
  Metrics& metrics = *dependencies_.metrics;
  (result.ok() ? metrics.refreshes_ok : metrics.refreshes_failed).Increment();
  metrics.age_seconds.Set(absl::ToDoubleSeconds(
      dependencies_.clock->Monotonic() - confirmed_.value_or(born_)));
  // Every further failure of the same kind says nothing new.
  if (!result.ok() && !failing_ && !stopped_) {
    LOG(WARNING) << "copy of tokens not refreshed, it is repeated error="
                 << result;
  } else if (result.ok() && failing_) {
    LOG(INFO) << "copy of tokens refreshed again tokens=" << table_.size();
  }
  failing_ = !result.ok();
}

std::vector<TokenReplica::Answer> TokenReplica::TakeAnswers(
    uint64_t refresh, const absl::Status& result) {
  std::vector<Answer> answers;
  std::vector<Waiter> later;
  for (Waiter& waiter : waiting_) {
    if (result.ok() &&
        (waiter.refresh <= refresh || table_.Contains(waiter.proof.id))) {
      answers.push_back(
          {std::move(waiter.done),
           table_.Find(waiter.proof, dependencies_.clock->Now())});
    } else if (waiter.refresh <= refresh) {
      answers.push_back(
          {std::move(waiter.done), CannotTell("maintenance does not answer")});
    } else {
      later.push_back(std::move(waiter));
    }
  }
  waiting_ = std::move(later);
  return answers;
}

}  // namespace cairn::ingest
