#include "common/log/log_limit.h"

#include <algorithm>
#include <functional>

namespace cairn {
namespace {

constexpr size_t kMaxKindBytes = 64;

struct Counters {
  std::array<std::atomic<uint64_t>, 4> lines = {};
  std::atomic<uint64_t> left_out = 0;
};
Counters counters;

// What stands before the first "name=", or all of it.
std::string_view KindOf(std::string_view message) {
  std::string_view kind = message.substr(0, message.find('='));
  if (kind.size() < message.size()) kind = kind.substr(0, kind.rfind(' '));
  return kind.substr(0, kMaxKindBytes);
}

}  // namespace

LogCounts CountLogLines() {
  LogCounts counts;
  for (size_t i = 0; i < counts.lines.size(); ++i) {
    counts.lines[i] = counters.lines[i].load(std::memory_order_relaxed);
  }
  counts.left_out = counters.left_out.load(std::memory_order_relaxed);
  return counts;
}

namespace log_internal {

void CountLogLine(LogLevel level, bool left_out) {
  counters.lines[static_cast<size_t>(level)].fetch_add(
      1, std::memory_order_relaxed);
  if (left_out) counters.left_out.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace log_internal

LogLimiter::Verdict LogLimiter::Take(LogLevel level, std::string_view message,
                                     absl::Time now) {
  if (level == LogLevel::kDebug) return {};
  const std::string_view kind = KindOf(message);
  const size_t place =
      (std::hash<std::string_view>()(kind) * 31 + static_cast<size_t>(level)) %
      kSlots;
  absl::MutexLock lock(&mutex_);
  Slot& slot = slots_[place];
  const double passed = absl::FDivDuration(now - slot.filled, kInterval);
  slot.tokens = std::clamp(slot.tokens + std::max(passed, 0.0), 0.0,
                           static_cast<double>(kBurst));
  slot.filled = now;
  if (slot.tokens < 1) {
    if (slot.left_out++ == 0) pending_.fetch_add(1, std::memory_order_relaxed);
    slot.kind = std::string(kind);
    return {.write = false};
  }
  slot.tokens -= 1;
  const Verdict verdict = {.left_out = slot.left_out};
  if (slot.left_out > 0) pending_.fetch_sub(1, std::memory_order_relaxed);
  slot.left_out = 0;
  return verdict;
}

std::vector<LogLimiter::Untold> LogLimiter::TakeUntold(absl::Time now) {
  std::vector<Untold> untold;
  if (pending_.load(std::memory_order_relaxed) == 0) return untold;
  absl::MutexLock lock(&mutex_);
  if (now >= told_ && now - told_ < kTellAfter) return untold;
  const bool first = told_ == absl::InfinitePast();
  told_ = now;
  // The first time that something was left out the clock begins.
  if (first) return untold;
  for (Slot& slot : slots_) {
    if (slot.left_out == 0) continue;
    untold.push_back({slot.kind, slot.left_out});
    slot.left_out = 0;
    pending_.fetch_sub(1, std::memory_order_relaxed);
  }
  return untold;
}

}  // namespace cairn
