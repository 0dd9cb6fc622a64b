#include "common/log/log.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/log/log_format.h"
#include "common/time/clock.h"

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

void WriteLine(LogLevel level, std::string_view message) {
  Destination& destination = TheDestination();
  LogLine line;
  line.time = SystemClock().Now();
  line.level = level;
  line.message = message;
  line.fields = std::span(field_stack.fields.data(),
                          std::min(field_stack.depth, kMaxLogFields));
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
    (*sink)(level, text);
  } else {
    WriteToStderr(std::move(text), destination.write_mutex);
  }
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
