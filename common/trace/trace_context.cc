#include "common/trace/trace_context.h"

#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/random/system_random.h"

namespace cairn {
namespace {

constexpr size_t kTraceDigits = 32;
constexpr size_t kSpanDigits = 16;
constexpr size_t kFlagDigits = 2;
// "00-" trace "-" span "-" flags.
constexpr size_t kSpanStart = 3 + kTraceDigits + 1;
constexpr size_t kFlagsStart = kSpanStart + kSpanDigits + 1;
constexpr size_t kLength = kFlagsStart + kFlagDigits;

bool IsHex(std::string_view text) {
  return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

bool IsId(std::string_view text) {
  return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

// One for the process: ids are asked for on every thread.
uint64_t RandomNumber() {
  struct Source {
    absl::Mutex mutex;
    SystemBitGen random ABSL_GUARDED_BY(mutex) = NewSystemBitGen();
  };
  static Source* const source = new Source;
  absl::MutexLock lock(&source->mutex);
  return absl::Uniform<uint64_t>(absl::IntervalClosed, source->random, 1,
                                 ~uint64_t{0});
}

std::string RandomDigits() {
  return absl::StrCat(absl::Hex(RandomNumber(), absl::kZeroPad16));
}

}  // namespace

std::optional<TraceContext> ParseTraceParent(std::string_view text) {
  if (text.size() < kLength || text[2] != '-' || text[kSpanStart - 1] != '-' ||
      text[kFlagsStart - 1] != '-') {
    return std::nullopt;
  }
  const std::string_view version = text.substr(0, 2);
  if (!IsHex(version) || version == "ff") return std::nullopt;
  if (version == "00" && text.size() != kLength) return std::nullopt;
  if (text.size() > kLength && text[kLength] != '-') return std::nullopt;
  TraceContext trace = {
      .trace_id = std::string(text.substr(3, kTraceDigits)),
      .span_id = std::string(text.substr(kSpanStart, kSpanDigits)),
      .flags = std::string(text.substr(kFlagsStart, kFlagDigits))};
  if (!IsId(trace.trace_id) || !IsId(trace.span_id) || !IsHex(trace.flags)) {
    return std::nullopt;
  }
  return trace;
}

std::string ToTraceParent(const TraceContext& trace) {
  return absl::StrCat("00-", trace.trace_id, "-", trace.span_id, "-",
                      trace.flags);
}

TraceContext NewTrace() {
  return {.trace_id = RandomDigits() + RandomDigits(),
          .span_id = RandomDigits()};
}

TraceContext NewSpan(const TraceContext& parent) {
  TraceContext next = parent;
  next.span_id = RandomDigits();
  return next;
}

std::string NextTraceParent(std::string_view parent) {
  const std::optional<TraceContext> trace = ParseTraceParent(parent);
  return ToTraceParent(trace.has_value() ? NewSpan(*trace) : NewTrace());
}

}  // namespace cairn
