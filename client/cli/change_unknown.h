#pragma once

namespace cairn::client {

// Reason of an error after which the changes that were asked for last may be
// made or not: the run stopped waiting for their answer.
inline constexpr char kChangeUnknown[] = "CHANGE_UNKNOWN";

}  // namespace cairn::client
