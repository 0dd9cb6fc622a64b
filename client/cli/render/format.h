#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace cairn::client {

// "0 B", "1023 B", "1.5 KiB", "12.0 GiB".
std::string FormatBytes(uint64_t bytes);

// "37.5 MiB/s"; "-" where no time has passed.
std::string FormatRate(uint64_t bytes, absl::Duration elapsed);

// "12 %", of whole = 0: "-".
std::string FormatShare(uint64_t part, uint64_t whole);

// Whole seconds: "3 s", "2 min 5 s", "1 h 4 min".
std::string FormatSpan(absl::Duration span);

// RFC 3339 in UTC, whole seconds; "-" for a time that is not set (0).
std::string FormatTime(const google::protobuf::Timestamp& time);

double ToSeconds(const google::protobuf::Duration& duration);

// `text` for a terminal: control characters, which could move its cursor or
// change its title, become "?"; line feeds become spaces.
std::string Printable(std::string_view text);

}  // namespace cairn::client
