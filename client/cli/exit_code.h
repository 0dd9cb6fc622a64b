#pragma once

#include <string>

#include "absl/status/status.h"

namespace cairn::client {

// What `cairn` exits with; part of its contract with scripts.
enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,
  kExitUsage = 2,
  kExitSourceProblems = 3,  // finished, but some files were not as they should
  kExitNotFound = 10,
  kExitBusy = 11,
  kExitNotAllowed = 12,
  kExitDamaged = 13,
  kExitRefused = 14,
  kExitLocalIo = 74,
  kExitUnreachable = 75,
  kExitInterrupted = 130,
};

// The exit code of a command that ended with `status`.
ExitCode ExitCodeOf(const absl::Status& status);

// What a person can do about it: one sentence, lower case, no full stop.
std::string NextStep(const absl::Status& status);

// The table of codes, for help texts.
std::string ExitCodeTable();

}  // namespace cairn::client
