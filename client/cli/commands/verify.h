#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn verify` to `root`; parsing it sets `chosen`. Both outlive the
// parsing.
void AddVerifyCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
