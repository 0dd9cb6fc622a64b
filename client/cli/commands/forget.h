#pragma once

#include "client/cli/command.h"

namespace cairn::client {

// `cairn forget` and `cairn undelete`.
void AddForgetCommand(CLI::App* root, Action* chosen);
void AddUndeleteCommand(CLI::App* root, Action* chosen);

}  // namespace cairn::client
