#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Adds `cairn extract` to `root`: a restore from bare packs, without a server.
// Parsing it sets `chosen`. Both outlive the parsing.
void AddExtractCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
