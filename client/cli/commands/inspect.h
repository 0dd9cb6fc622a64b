#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn inspect ...` to `root`: looks into files of a store without a
// server. Parsing it sets `chosen`. Both outlive the parsing.
void AddInspectCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
