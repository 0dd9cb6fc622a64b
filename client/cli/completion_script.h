#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace cairn::client {

// Scripts that complete the commands and options of `root`, made from its
// tree. They ask no server; where neither fits, files are completed.
std::string BashCompletion(const CLI::App& root);
std::string ZshCompletion(const CLI::App& root);

}  // namespace cairn::client
