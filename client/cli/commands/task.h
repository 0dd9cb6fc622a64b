#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn task ...` to `root`; parsing it sets `chosen`. Both outlive the
// parsing.
void AddTaskCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
