#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/log/log.h"

// What log lines say beside their message: members of the JSON object, so
// that lines of one call, session or request can be found by them.
namespace cairn {

struct LogField {
  std::string name;
  std::string value;
  bool is_number = false;  // `value` is a JSON number
};

// The fields that all lines of one piece of work have: of a call, a task, a
// round. At most 12; what is more is left out. Not thread-safe.
class LogFields {
 public:
  // Replaces the one of the same name. An empty value: none.
  void Set(std::string_view name, std::string_view value);
  std::span<const LogField> list() const { return fields_; }

 private:
  std::vector<LogField> fields_;
};

// While it lives, each line of this thread has the fields of `fields`, which
// outlives it, and those of no outer scope. The message's own ScopedLogField
// are besides.
class LogScope {
 public:
  explicit LogScope(LogFields* fields);
  ~LogScope();
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  LogFields* const outer_;
};

// Puts this thread into the scope of `fields` (null: none), and returns that of
// before: for whoever has several flows of control take turns on one thread.
LogFields* ExchangeLogScope(LogFields* fields);

// Sets a field of the scope that this thread is in, for the rest of the piece
// of work. Nothing happens without a scope.
void SetLogField(std::string_view name, std::string_view value);

// Sets trace_id and span_id by a W3C traceparent, which may be none.
void SetTraceFields(std::string_view trace_parent, LogFields* fields);

// The traceparent of the scope that this thread is in; empty if there is none.
std::string CurrentTraceParent();

// A line with fields of its own besides those of the scope.
void LogWithFields(LogLevel level, std::string_view message,
                   std::span<const LogField> fields);

}  // namespace cairn
