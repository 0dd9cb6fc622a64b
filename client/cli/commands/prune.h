#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn prune` to `root`; parsing it sets `chosen`. Both outlive the
// parsing.
void AddPruneCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
