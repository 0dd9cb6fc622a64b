#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn token ...` to `root`; parsing it sets `chosen`. Both outlive the
// parsing.
void AddTokenCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
