#pragma once

#include <functional>
#include <string>

namespace cairn::client {

// Told, in a line, what a person who watches should know.
using NoticeListener = std::function<void(const std::string&)>;

}  // namespace cairn::client
