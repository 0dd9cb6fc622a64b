#pragma once

#include <CLI/CLI.hpp>

#include "client/cli/command.h"

namespace cairn::client {

// Makes `prune` the command that prunes, unless a subcommand of it is given;
// then parsing it sets `chosen`. Both outlive the parsing.
void SetUpPruneTask(CLI::App* prune, Action* chosen);

}  // namespace cairn::client
