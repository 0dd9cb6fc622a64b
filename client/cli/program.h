#pragma once

#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "client/cli/command.h"

namespace cairn::client {

// The whole program: parses `arguments` (without the program's name), runs
// the command, prints its result or its error. The result is the exit code.
int RunProgram(const std::vector<std::string>& arguments,
               const Console& console, absl::BitGenRef random);

}  // namespace cairn::client
