#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/schedule/calendar_fields.h"

namespace cairn {

inline constexpr size_t kMaxCalendarTextLength = 256;

// Reads a calendar event; calendar_event.h has the grammar.
// InvalidArgument names the column, what is there, and what is allowed.
absl::StatusOr<CalendarFields> ParseCalendarFields(std::string_view text);

}  // namespace cairn
