#pragma once

namespace cairn {

// Release of the suite, as MAJOR.MINOR.PATCH: in --version, in the metric
// cairn_build_info and in FORMAT files.
inline constexpr char kVersion[] = "0.1.0";

}  // namespace cairn
