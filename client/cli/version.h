#pragma once

namespace cairn::client {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace cairn::client
