#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Log lines for the operator, in Abseil's streaming shape:
//
//   LOG(INFO) << "gc run finished run=" << id << " freed_bytes=" << n;
//
// A line is one JSON object on stderr,
//   {"ts":"2024-05-01T10:00:00.123456789Z","level":"info",
//    "service":"index","msg":"gc run finished run=7 freed_bytes=42",
//    "trace_id":"..."}
// and plain text where stderr is a terminal. A stand-in for absl/log of newer
// Abseil releases, to be deleted when the dependency moves.
namespace cairn {

enum class LogLevel : int { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

// "debug", "info", "warning", "error".
std::string_view LogLevelName(LogLevel level);
std::optional<LogLevel> ParseLogLevel(std::string_view text);

enum class LogFormat { kAuto, kJson, kText };

struct LogOptions {
  std::string service = "cairn";
  LogLevel level = LogLevel::kInfo;
  // kAuto: text if stderr is a terminal, else JSON.
  LogFormat format = LogFormat::kAuto;
};

// Longest message of one line, in bytes; what is longer is cut and ends in
// "...". A field's value is cut at an eighth of this.
inline constexpr size_t kMaxLogMessageBytes = 8192;

// Sets how the process logs. Before the first call lines are as by default
// LogOptions. Thread-safe.
void InitializeLog(const LogOptions& options);

// Changes the lowest level that is written. Thread-safe.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

// Adds `name`: `value` to each line that this thread logs while it lives.
// Scopes nest, at most 8 deep; deeper ones are not written.
class ScopedLogField {
 public:
  ScopedLogField(std::string_view name, std::string_view value);
  ~ScopedLogField();
  ScopedLogField(const ScopedLogField&) = delete;
  ScopedLogField& operator=(const ScopedLogField&) = delete;
};

// Where finished lines (without line feed) go. Thread-safe.
using LogSink = std::function<void(LogLevel level, std::string_view line)>;

// Sends lines to `sink` in place of stderr; a null sink restores stderr.
// Returns what was set before. Lines in flight may still reach the old one.
LogSink SetLogSink(LogSink sink);

namespace log_internal {

// One line in the making; its destructor writes it.
class Message {
 public:
  explicit Message(LogLevel level) : level_(level) {}
  ~Message();
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;
  std::ostream& stream() { return stream_; }

 private:
  const LogLevel level_;
  std::ostringstream stream_;
};

// The last line of the process; its destructor writes it and aborts.
class FatalMessage {
 public:
  FatalMessage(const char* file, int line);
  [[noreturn]] ~FatalMessage();
  FatalMessage(const FatalMessage&) = delete;
  FatalMessage& operator=(const FatalMessage&) = delete;
  std::ostream& stream() { return stream_; }

 private:
  std::ostringstream stream_;
};

// Makes a stream expression void; binds looser than <<, tighter than ?:.
struct Voidify {
  void operator&(std::ostream&) const {}
};

template <typename T>
void PrintValue(std::ostream& out, const T& value) {
  if constexpr (requires { out << value; }) {
    out << value;
  } else {
    out << "(" << sizeof(T) << " byte value)";
  }
}

// Null if `holds`, else the text of the failed comparison.
template <typename A, typename B, typename Compare>
std::unique_ptr<std::string> CheckCompare(const A& a, const B& b,
                                          Compare compare, const char* text) {
  if (compare(a, b)) [[likely]] {
    return nullptr;
  }
  std::ostringstream out;
  out << text << " (";
  PrintValue(out, a);
  out << " vs. ";
  PrintValue(out, b);
  out << ") ";
  return std::make_unique<std::string>(out.str());
}

std::unique_ptr<std::string> CheckStatus(const absl::Status& status,
                                         const char* text);

}  // namespace log_internal
}  // namespace cairn

#define LOG(severity) CAIRN_LOG_##severity
#define CAIRN_LOG_DEBUG CAIRN_LOG_AT_(kDebug)
#define CAIRN_LOG_INFO CAIRN_LOG_AT_(kInfo)
#define CAIRN_LOG_WARNING CAIRN_LOG_AT_(kWarning)
#define CAIRN_LOG_ERROR CAIRN_LOG_AT_(kError)

// An expression, so that an `else` after LOG(...) belongs to the caller's
// own `if`.
#define CAIRN_LOG_AT_(level)                     \
  !::cairn::LogEnabled(::cairn::LogLevel::level) \
      ? (void)0                                  \
      : ::cairn::log_internal::Voidify() &       \
            ::cairn::log_internal::Message(::cairn::LogLevel::level).stream()

// For broken invariants of our own code only, never for untrusted input.
#define CHECK(condition)                                                     \
  (condition)                                                                \
      ? (void)0                                                              \
      : ::cairn::log_internal::Voidify() &                                   \
            ::cairn::log_internal::FatalMessage(__FILE__, __LINE__).stream() \
                << #condition << " "

#define CAIRN_CHECK_FAILED_(failure_expr)                              \
  while (const auto cairn_check_ = (failure_expr))                     \
  [[unlikely]] ::cairn::log_internal::FatalMessage(__FILE__, __LINE__) \
          .stream()                                                    \
      << *cairn_check_

#define CAIRN_CHECK_OP_(op, a, b)                          \
  CAIRN_CHECK_FAILED_(::cairn::log_internal::CheckCompare( \
      a, b,                                                \
      [](const auto& cairn_a, const auto& cairn_b) {       \
        return cairn_a op cairn_b;                         \
      },                                                   \
      #a " " #op " " #b))

#define CHECK_EQ(a, b) CAIRN_CHECK_OP_(==, a, b)
#define CHECK_NE(a, b) CAIRN_CHECK_OP_(!=, a, b)
#define CHECK_LT(a, b) CAIRN_CHECK_OP_(<, a, b)
#define CHECK_LE(a, b) CAIRN_CHECK_OP_(<=, a, b)
#define CHECK_GT(a, b) CAIRN_CHECK_OP_(>, a, b)
#define CHECK_GE(a, b) CAIRN_CHECK_OP_(>=, a, b)
#define CHECK_OK(status) \
  CAIRN_CHECK_FAILED_(::cairn::log_internal::CheckStatus(status, #status))
