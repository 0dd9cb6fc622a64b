#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn completion` to `root`; parsing it sets `chosen`. Both outlive the
// parsing.
void AddCompletionCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
