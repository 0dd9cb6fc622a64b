#include "common/log/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/config/version.h"
#include "common/log/log_fields.h"
#include "common/log/log_format.h"
#include "common/log/log_limit.h"
#include "common/time/clock.h"
#include "common/trace/trace_context.h"

namespace cairn {
namespace {

// How the process logs: one for the process, as stderr is.
struct Destination {
  absl::Mutex mutex;
  std::string service ABSL_GUARDED_BY(mutex) = "cairn";
  LogFormat format ABSL_GUARDED_BY(mutex) = LogFormat::kAuto;
  std::shared_ptr<const LogSink> sink ABSL_GUARDED_BY(mutex);
  // Held while a line is written, so that lines never interleave.
  absl::Mutex write_mutex ABSL_ACQUIRED_AFTER(mutex);
};

// Never destroyed: threads may log while static objects are.
Destination& TheDestination() {
  static Destination* const destination = new Destination;
  return *destination;
}

std::atomic<int> lowest_level = static_cast<int>(LogLevel::kInfo);

// The fields of this thread, innermost last.
struct FieldStack {
  std::array<LogField, kMaxLogFields> fields;
  size_t depth = 0;  // may exceed kMaxLogFields
};
thread_local FieldStack field_stack;

// Of the piece of work that this thread does; null: of none.
thread_local LogFields* work_fields = nullptr;

constexpr size_t kMaxWorkFields = 12;

LogLimiter& TheLimiter() {
  static LogLimiter* const limiter = new LogLimiter;
  return *limiter;
}

void WriteToStderr(std::string line, absl::Mutex& mutex) {
  line.push_back('\n');
  absl::MutexLock lock(&mutex);
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t written = write(STDERR_FILENO, rest.data(), rest.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;  // nowhere to report it
    rest.remove_prefix(static_cast<size_t>(written));
  }
}

void Deliver(LogLine line) {
  Destination& destination = TheDestination();
  line.version = kVersion;
  LogFormat format;
  std::shared_ptr<const LogSink> sink;
  {
    absl::MutexLock lock(&destination.mutex);
    line.service = destination.service;
    format = destination.format;
    sink = destination.sink;
  }
  if (format == LogFormat::kAuto) {
    format = sink == nullptr && isatty(STDERR_FILENO) ? LogFormat::kText
                                                      : LogFormat::kJson;
  }
  std::string text =
      format == LogFormat::kText ? FormatText(line) : FormatJson(line);
  if (sink != nullptr) {
    (*sink)(line.level, text);
  } else {
    WriteToStderr(std::move(text), destination.write_mutex);
  }
}

LogField CountField(uint64_t left_out) {
  return {
      .name = "left_out", .value = absl::StrCat(left_out), .is_number = true};
}

// Of kinds that were not heard of since.
void TellUntold(absl::Time now) {
  for (const LogLimiter::Untold& untold : TheLimiter().TakeUntold(now)) {
    const LogField fields[] = {{.name = "of", .value = untold.kind},
                               CountField(untold.left_out)};
    LogLine line;
    line.time = now;
    line.level = LogLevel::kWarning;
    line.message = "repeated lines were left out";
    line.own_fields = fields;
    Deliver(std::move(line));
  }
}

void WriteLine(LogLevel level, std::string_view message,
               std::span<const LogField> own_fields = {}) {
  LogLine line;
  line.time = SystemClock().Now();
  const LogLimiter::Verdict verdict =
      TheLimiter().Take(level, message, line.time);
  log_internal::CountLogLine(level, /*left_out=*/!verdict.write);
  TellUntold(line.time);
  if (!verdict.write) return;
  std::vector<LogField> counted;
  if (verdict.left_out > 0) {
    counted.assign(own_fields.begin(), own_fields.end());
    counted.push_back(CountField(verdict.left_out));
    own_fields = counted;
  }
  line.level = level;
  line.message = message;
  if (work_fields != nullptr) line.work_fields = work_fields->list();
  line.own_fields = own_fields;
  line.fields = std::span(field_stack.fields.data(),
                          std::min(field_stack.depth, kMaxLogFields));
  Deliver(std::move(line));
}

}  // namespace

std::string_view LogLevelName(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

std::optional<LogLevel> ParseLogLevel(std::string_view text) {
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo,
                               LogLevel::kWarning, LogLevel::kError}) {
    if (text == LogLevelName(level)) return level;
  }
  return std::nullopt;
}

void InitializeLog(const LogOptions& options) {
  Destination& destination = TheDestination();
  SetLogLevel(options.level);
  absl::MutexLock lock(&destination.mutex);
  destination.service = options.service;
  destination.format = options.format;
}

void SetLogLevel(LogLevel level) {
  lowest_level.store(static_cast<int>(level), std::memory_order_relaxed);
}

bool LogEnabled(LogLevel level) {
  return static_cast<int>(level) >=
         lowest_level.load(std::memory_order_relaxed);
}

LogSink SetLogSink(LogSink sink) {
  Destination& destination = TheDestination();
  std::shared_ptr<const LogSink> next;
  if (sink) next = std::make_shared<const LogSink>(std::move(sink));
  absl::MutexLock lock(&destination.mutex);
  destination.sink.swap(next);
  return next == nullptr ? LogSink() : *next;
}

ScopedLogField::ScopedLogField(std::string_view name, std::string_view value) {
  if (field_stack.depth < kMaxLogFields) {
    field_stack.fields[field_stack.depth] = {
        std::string(name.substr(0, kMaxLogFieldBytes)),
        std::string(value.substr(0, kMaxLogFieldBytes))};
  }
  ++field_stack.depth;
}

ScopedLogField::~ScopedLogField() {
  --field_stack.depth;
  if (field_stack.depth < kMaxLogFields) {
    field_stack.fields[field_stack.depth] = {};
  }
}

void LogFields::Set(std::string_view name, std::string_view value) {
  std::erase_if(fields_,
                [name](const LogField& field) { return field.name == name; });
  if (value.empty() || fields_.size() >= kMaxWorkFields) return;
  fields_.push_back({std::string(name.substr(0, kMaxLogFieldBytes)),
                     std::string(value.substr(0, kMaxLogFieldBytes))});
}

LogScope::LogScope(LogFields* fields) : outer_(work_fields) {
  work_fields = fields;
}

LogScope::~LogScope() { work_fields = outer_; }

LogFields* ExchangeLogScope(LogFields* fields) {
  return std::exchange(work_fields, fields);
}

void SetLogField(std::string_view name, std::string_view value) {
  if (work_fields != nullptr) work_fields->Set(name, value);
}

void SetTraceFields(std::string_view trace_parent, LogFields* fields) {
  const std::optional<TraceContext> trace = ParseTraceParent(trace_parent);
  fields->Set("trace_id", trace.has_value() ? trace->trace_id : "");
  fields->Set("span_id", trace.has_value() ? trace->span_id : "");
}

std::string CurrentTraceParent() {
  if (work_fields == nullptr) return "";
  TraceContext trace;
  for (const LogField& field : work_fields->list()) {
    if (field.name == "trace_id") trace.trace_id = field.value;
    if (field.name == "span_id") trace.span_id = field.value;
  }
  if (trace.trace_id.empty() || trace.span_id.empty()) return "";
  return ToTraceParent(trace);
}

void LogWithFields(LogLevel level, std::string_view message,
                   std::span<const LogField> fields) {
  if (LogEnabled(level)) WriteLine(level, message, fields);
}

namespace log_internal {

Message::~Message() { WriteLine(level_, stream_.str()); }

FatalMessage::FatalMessage(const char* file, int line) {
  stream_ << file << ":" << line << ": check failed: ";
}

FatalMessage::~FatalMessage() {
  WriteLine(LogLevel::kError, stream_.str());
  std::abort();
}

std::unique_ptr<std::string> CheckStatus(const absl::Status& status,
                                         const char* text) {
  if (status.ok()) return nullptr;
  return std::make_unique<std::string>(
      absl::StrCat(text, " is OK (", status.ToString(), ") "));
}

}  // namespace log_internal
}  // namespace cairn
