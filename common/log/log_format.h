#pragma once

#include <span>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "common/log/log.h"
#include "common/log/log_fields.h"

namespace cairn {

inline constexpr size_t kMaxLogFields = 8;
inline constexpr size_t kMaxLogFieldBytes = kMaxLogMessageBytes / 8;

struct LogLine {
  absl::Time time;
  LogLevel level = LogLevel::kInfo;
  std::string service;
  std::string_view version;
  std::string_view message;
  // Of the piece of work, of this line, of the thread's ScopedLogField.
  std::span<const LogField> work_fields;
  std::span<const LogField> own_fields;
  std::span<const LogField> fields;
};

// One JSON object without line feed: valid UTF-8 whatever the message holds
// (a byte that is no UTF-8 becomes U+FFFD), control characters escaped.
std::string FormatJson(const LogLine& line);

// "<time> LEVEL message name=value": control characters and bytes that are no
// UTF-8 are escaped, so that a message cannot drive the terminal.
std::string FormatText(const LogLine& line);

}  // namespace cairn
