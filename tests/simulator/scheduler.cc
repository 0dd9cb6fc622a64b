#include "tests/simulator/scheduler.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"

namespace cairn::simulator {
namespace {

Scheduler* active_scheduler = nullptr;

constexpr int kMaxDrainSteps = 200'000;

}  // namespace

Scheduler* Scheduler::active() { return active_scheduler; }

void Scheduler::Abandon() { active_scheduler = nullptr; }

Scheduler::Scheduler(uint64_t seed, Trace* trace)
    : random_(seed), trace_(trace) {
  CHECK(active_scheduler == nullptr);
  active_scheduler = this;
}

Scheduler::~Scheduler() { active_scheduler = nullptr; }

bool Scheduler::Chance(double probability) {
  return static_cast<double>(random_() >> 11) * 0x1.0p-53 < probability;
}

absl::Duration Scheduler::DrawDelay() {
  const auto up_to = [this](int64_t microseconds) {
    return absl::Microseconds(
        1 + static_cast<int64_t>(Draw(static_cast<uint64_t>(microseconds))));
  };
  const double kind = static_cast<double>(random_() >> 11) * 0x1.0p-53;
  double limit = tempo_.stall;
  if (kind < limit) return up_to(240'000'000);
  limit += tempo_.long_delay;
  if (kind < limit) return up_to(5'000'000);
  limit += tempo_.medium_delay;
  return up_to(kind < limit ? 50'000 : 1000);
}

void Scheduler::Push(absl::Duration time, Entry entry) {
  queue_.emplace(std::pair(std::max(time, now()), next_event_++),
                 std::move(entry));
}

uint64_t Scheduler::Spawn(Party* party, std::string name, Fiber::Body body,
                          std::optional<absl::Duration> delay) {
  auto task = std::make_unique<Task>();
  task->id = next_task_++;
  task->name = std::move(name);
  task->party = party;
  task->fiber = std::make_unique<Fiber>(std::move(body));
  task->waiting = true;
  const uint64_t id = task->id;
  tasks_.emplace(id, std::move(task));
  Push(now() + delay.value_or(DrawDelay()), {.task = id});
  return id;
}

void Scheduler::At(absl::Duration time, std::function<void()> event) {
  Push(time, {.event = std::move(event)});
}

Scheduler::Task* Scheduler::FindTask(uint64_t id) {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : found->second.get();
}

void Scheduler::Sleep(absl::Duration duration) {
  Task* const task = current_;
  CHECK(task != nullptr);
  task->waiting = true;
  Push(now() + duration, {.task = task->id, .wake = ++task->wake});
  task->fiber->Suspend();
}

bool Scheduler::Wait(absl::Duration until) {
  Task* const task = current_;
  CHECK(task != nullptr) << "a wait outside of all tasks";
  if (now() >= until) return false;
  task->waiting = true;
  task->patient = until != absl::InfiniteDuration();
  task->gave_up = false;
  ++task->wake;
  if (task->patient) Push(until, {.task = task->id, .wake = task->wake});
  task->fiber->Suspend();
  task->patient = false;
  return now() < until && !task->gave_up;
}

void Scheduler::Wake(uint64_t id) {
  const Task* const task = FindTask(id);
  if (task == nullptr || !task->waiting) return;
  Push(now() + DrawDelay(), {.task = id, .wake = task->wake});
}

void Scheduler::Resume(Task* task) {
  task->waiting = false;
  current_ = task;
  task->fiber->Resume();
  current_ = nullptr;
  if (!task->fiber->ended()) return;
  CHECK_EQ(task->locks, 0);
  tasks_.erase(task->id);
}

void Scheduler::Run(Entry entry) {
  if (entry.event) {
    entry.event();
    return;
  }
  Task* const task = FindTask(entry.task);
  if (task == nullptr || !task->waiting || task->wake != entry.wake) return;
  Resume(task);
}

bool Scheduler::Step() {
  if (queue_.empty()) return false;
  auto first = queue_.extract(queue_.begin());
  Entry entry = std::move(first.mapped());
  const absl::Duration time = first.key().first;
  if (const Task* const task = FindTask(entry.task);
      task != nullptr && task->party->paused_until() > time) {
    Push(task->party->paused_until() + DrawDelay(), std::move(entry));
    return true;
  }
  if (time > now()) clock_.Advance(time - now());
  ++steps_;
  Run(std::move(entry));
  if (locks_ == 0 && quiet_) quiet_();
  return true;
}

bool Scheduler::DrainOne(Party* party) {
  for (auto at = queue_.begin(); at != queue_.end(); ++at) {
    Task* const task = FindTask(at->second.task);
    if (task == nullptr || task->party != party) continue;
    // Time stands still, so what it waits for is not there yet.
    if (task->patient && at->first.first > now()) {
      task->gave_up = true;
      party->Leap();
    }
    Run(std::move(queue_.extract(at).mapped()));
    return true;
  }
  return false;
}

// Those of its tasks that wait no longer than for some time give up now.
bool Scheduler::EndPatience(Party* party) {
  bool any = false;
  party->Leap();
  for (const auto& [id, task] : tasks_) {
    if (task->party != party || !task->waiting || !task->patient) continue;
    task->gave_up = true;
    Push(now(), {.task = id, .wake = task->wake});
    any = true;
  }
  return any;
}

bool Scheduler::Drain(Party* party) {
  for (int step = 0; step < kMaxDrainSteps; ++step) {
    const bool has_tasks = std::any_of(
        tasks_.begin(), tasks_.end(),
        [party](const auto& task) { return task.second->party == party; });
    if (!has_tasks) return true;
    if (!DrainOne(party) && !EndPatience(party)) break;
  }
  return false;
}

std::string Scheduler::DescribeTasks() const {
  std::string text;
  for (const auto& [id, task] : tasks_) {
    absl::StrAppend(&text, "task ", id, " ", task->party->name(), " ",
                    task->name, task->waiting ? " waits" : " runs",
                    task->patient ? " patiently" : "", ", ", task->locks,
                    " locks\n");
  }
  return text;
}

void Scheduler::BeforeLock() {
  if (current_ == nullptr || tempo_.yield_at_lock == 0) return;
  if (Chance(tempo_.yield_at_lock)) Yield();
}

void Scheduler::AwaitUnlock(const absl::Mutex* mutex) {
  CHECK(current_ != nullptr) << "a locked mutex outside of all tasks";
  WaitForUnlock(mutex, absl::InfiniteDuration(), /*for_change=*/false);
}

bool Scheduler::WaitForChange(absl::Mutex* mutex, absl::Duration until,
                              bool is_first) {
  unlocks_quietly_ = !is_first;
  mutex->Unlock();
  unlocks_quietly_ = false;
  const bool in_time = WaitForUnlock(mutex, until, /*for_change=*/true);
  mutex->Lock();
  return in_time;
}

bool Scheduler::WaitForUnlock(const absl::Mutex* mutex, absl::Duration until,
                              bool for_change) {
  const uint64_t id = current_->id;
  unlock_waiters_.emplace(mutex, Waiter{id, for_change});
  const bool woken = Wait(until);
  // It may have been taken out with the wake-up, and others added since.
  const auto [begin, end] = unlock_waiters_.equal_range(mutex);
  for (auto entry = begin; entry != end; ++entry) {
    if (entry->second.task != id) continue;
    unlock_waiters_.erase(entry);
    break;
  }
  return woken;
}

void Scheduler::NoteLocked() {
  if (current_ == nullptr) return;
  ++current_->locks;
  ++locks_;
}

void Scheduler::NoteUnlocked(const absl::Mutex* mutex) {
  if (current_ != nullptr) {
    --current_->locks;
    --locks_;
  }
  const auto range = unlock_waiters_.equal_range(mutex);
  for (auto entry = range.first; entry != range.second;) {
    if (entry->second.for_change && unlocks_quietly_) {
      ++entry;
      continue;
    }
    Wake(entry->second.task);
    entry = unlock_waiters_.erase(entry);
  }
}

}  // namespace cairn::simulator
