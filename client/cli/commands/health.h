#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn health` to `root`; parsing it sets `chosen`. Both outlive the
// parsing.
void AddHealthCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
