#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn gc` to `root`; parsing it sets `chosen`. Both outlive the
// parsing.
void AddGcCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
