#include "common/concurrency/thread_pool_executor.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr int kMaxThreads = 1024;
// What the kernel keeps of a thread's name.
constexpr size_t kMaxThreadNameLength = 15;
constexpr absl::Duration kAwaitStep = absl::Seconds(1);
// Far enough to mean never, near enough for every clock's arithmetic.
constexpr absl::Duration kLongestDelay = absl::Hours(24 * 365 * 100);
constexpr int kMaxNiceness = 19;

void NameThisThread(const std::string& name) {
  pthread_setname_np(pthread_self(),
                     name.substr(0, kMaxThreadNameLength).c_str());
}

// Of Linux: each thread has its own. Never fails where it takes rank away; a
// filter of system calls that does not know it leaves the thread as it is.
void LowerRank(int niceness) {
  if (niceness > 0) setpriority(PRIO_PROCESS, gettid(), niceness);
}

// steady_clock is CLOCK_MONOTONIC, as is Clock::Monotonic.
std::chrono::steady_clock::time_point SteadyTime(absl::Duration monotonic) {
  return std::chrono::steady_clock::time_point(
      absl::ToChronoNanoseconds(monotonic));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ThreadPoolExecutor>> ThreadPoolExecutor::Create(
    Options options) {
  if (options.threads < 1 || options.threads > kMaxThreads) {
    return absl::InvalidArgumentError(
        absl::StrCat("executor ", options.name, " has ", options.threads,
                     " threads, must be 1 to ", kMaxThreads));
  }
  if (options.queue_limit == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "executor ", options.name, " has a queue limit of 0, must be above"));
  }
  if (options.niceness < 0 || options.niceness > kMaxNiceness) {
    return absl::InvalidArgumentError(
        absl::StrCat("executor ", options.name, " has the niceness ",
                     options.niceness, ", must be 0 to ", kMaxNiceness));
  }
  std::unique_ptr<ThreadPoolExecutor> executor(
      new ThreadPoolExecutor(std::move(options)));
  RETURN_IF_ERROR(executor->Start());
  return executor;
}

ThreadPoolExecutor::ThreadPoolExecutor(Options options)
    : options_(std::move(options)), queue_limit_(options_.queue_limit) {}

absl::Status ThreadPoolExecutor::Start() {
  std::lock_guard<std::mutex> join_lock(join_mutex_);
  return AddWorkers(options_.threads);
}

absl::Status ThreadPoolExecutor::AddWorkers(int threads) {
  try {
    threads_.reserve(threads + 1);
    if (threads_.empty()) threads_.emplace_back([this] { RunTimers(); });
    while (workers_ < threads) {
      threads_.emplace_back([this, i = workers_] { RunWorker(i); });
      ++workers_;
    }
  } catch (const std::system_error& error) {
    // The destructor ends those that did start.
    return absl::ResourceExhaustedError(absl::StrCat(
        "executor ", options_.name, " got ", threads_.size(), " of ",
        threads + 1, " threads from the system: ", error.what()));
  }
  return absl::OkStatus();
}

absl::Status ThreadPoolExecutor::EnsureThreads(int threads) {
  if (threads > kMaxThreads) {
    return absl::InvalidArgumentError(
        absl::StrCat("executor ", options_.name, " is to have ", threads,
                     " threads, at most ", kMaxThreads, " are allowed"));
  }
  std::lock_guard<std::mutex> join_lock(join_mutex_);
  if (threads_.empty()) {
    return absl::UnavailableError(
        absl::StrCat("executor ", options_.name, " has been shut down"));
  }
  return AddWorkers(threads);
}

void ThreadPoolExecutor::SetQueueLimit(size_t queue_limit) {
  std::lock_guard<std::mutex> lock(mutex_);
  queue_limit_ = queue_limit;
}

ThreadPoolExecutor::~ThreadPoolExecutor() { Shutdown(); }

void ThreadPoolExecutor::Shutdown() {
  std::map<std::pair<absl::Duration, TimerId>, Task> dropped;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    dropped.swap(timers_);
    due_times_.clear();
  }
  // What tasks hold may call back here, so they go without the lock.
  dropped.clear();
  work_.notify_all();
  timers_due_.notify_all();
  std::lock_guard<std::mutex> join_lock(join_mutex_);
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

absl::Status ThreadPoolExecutor::Schedule(Task task) {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) {
      return absl::UnavailableError(
          absl::StrCat("executor ", options_.name, " is shutting down"));
    }
    if (queued_plain_ >= queue_limit_) {
      return absl::ResourceExhaustedError(
          absl::StrCat("executor ", options_.name, " has ", queued_plain_,
                       " tasks waiting, which is its limit"));
    }
    queue_.push_back({.task = std::move(task)});
    ++queued_plain_;
  }
  work_.notify_one();
  return absl::OkStatus();
}

Executor::TimerId ThreadPoolExecutor::ScheduleAfter(absl::Duration delay,
                                                    Task task) {
  delay = std::clamp(delay, absl::ZeroDuration(), kLongestDelay);
  const absl::Duration due = clock_.Monotonic() + delay;
  TimerId timer;
  bool is_first;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    timer = next_timer_++;
    if (stopping_) return timer;
    const auto place = timers_.emplace(std::pair(due, timer), std::move(task));
    due_times_.emplace(timer, due);
    is_first = place.first == timers_.begin();
  }
  if (is_first) timers_due_.notify_one();
  return timer;
}

// Takes the task of a timer that no thread runs yet. `mutex_` is held.
bool ThreadPoolExecutor::CancelPending(TimerId timer, Task& task) {
  if (const auto due = due_times_.find(timer); due != due_times_.end()) {
    const auto place = timers_.find({due->second, timer});
    task = std::move(place->second);
    timers_.erase(place);
    due_times_.erase(due);
    return true;
  }
  if (const auto queued = due_tasks_.find(timer); queued != due_tasks_.end()) {
    task = std::move(queued->second);
    due_tasks_.erase(queued);
    return true;
  }
  return false;
}

bool ThreadPoolExecutor::Cancel(TimerId timer) {
  Task dropped;  // destroyed after the lock is gone
  std::unique_lock<std::mutex> lock(mutex_);
  if (CancelPending(timer, dropped)) return true;
  timer_done_.wait(lock, [this, timer] {
    const auto found = running_.find(timer);
    return found == running_.end() ||
           found->second == std::this_thread::get_id();
  });
  return false;
}

bool ThreadPoolExecutor::Await(absl::Mutex* mutex,
                               const absl::Condition& condition,
                               absl::Duration timeout) {
  if (timeout >= kLongestDelay) {
    mutex->Await(condition);
    return true;
  }
  const absl::Duration deadline = clock_.Monotonic() + timeout;
  for (absl::Duration left = timeout;; left = deadline - clock_.Monotonic()) {
    if (mutex->AwaitWithTimeout(
            condition, std::clamp(left, absl::ZeroDuration(), kAwaitStep))) {
      return true;
    }
    if (clock_.Monotonic() >= deadline) return false;
  }
}

size_t ThreadPoolExecutor::queued() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return queue_.size();
}

void ThreadPoolExecutor::RunWorker(int index) {
  NameThisThread(absl::StrCat(options_.name, "-", index));
  LowerRank(options_.niceness);
  for (;;) {
    Entry entry;
    {
      std::unique_lock<std::mutex> lock(mutex_);
      work_.wait(lock, [this] {
        return !queue_.empty() || (stopping_ && timers_ended_);
      });
      if (queue_.empty()) return;
      entry = std::move(queue_.front());
      queue_.pop_front();
      if (entry.timer == 0) {
        --queued_plain_;
      } else {
        const auto task = due_tasks_.find(entry.timer);
        if (task == due_tasks_.end()) continue;  // cancelled
        entry.task = std::move(task->second);
        due_tasks_.erase(task);
        running_.emplace(entry.timer, std::this_thread::get_id());
      }
    }
    RunEntry(std::move(entry));
  }
}

void ThreadPoolExecutor::RunEntry(Entry entry) {
  entry.task();
  // What the task holds goes before Cancel returns.
  entry.task = nullptr;
  if (entry.timer == 0) return;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    running_.erase(entry.timer);
  }
  timer_done_.notify_all();
}

void ThreadPoolExecutor::RunTimers() {
  NameThisThread(absl::StrCat(options_.name, "-timer"));
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    if (timers_.empty()) {
      timers_due_.wait(lock);
      continue;
    }
    const auto first = timers_.begin();
    const auto [due, timer] = first->first;
    if (clock_.Monotonic() < due) {
      timers_due_.wait_until(lock, SteadyTime(due));
      continue;
    }
    due_tasks_.emplace(timer, std::move(first->second));
    due_times_.erase(timer);
    timers_.erase(first);
    queue_.push_back({.timer = timer});
    work_.notify_one();
  }
  timers_ended_ = true;
  work_.notify_all();
}

}  // namespace cairn
