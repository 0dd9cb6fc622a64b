#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn namespace ...` to `root`; parsing it sets `chosen`. Both outlive
// the parsing.
void AddNamespaceCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
