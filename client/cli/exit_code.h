#pragma once

#include <string>

#include "absl/status/status.h"

namespace cairn::client {

// What `cairn` exits with; part of its contract with scripts.
enum ExitCode : int {
  kExitOk = 0,
  kExitError = 1,
  kExitUsage = 2,
  // Finished, but not all of it: some files could not be read or written, or
  // some snapshots not forgotten.
  kExitSourceProblems = 3,
  kExitNotFound = 10,
  kExitBusy = 11,
  kExitNotAllowed = 12,
  kExitDamaged = 13,
  kExitRefused = 14,
  // Of a task that was waited for, without a reason that has another code.
  kExitTaskFailed = 15,
  kExitTaskCancelled = 16,
  kExitTaskInterrupted = 17,  // the same again may succeed
  kExitLocalIo = 74,
  kExitUnreachable = 75,
  kExitInterrupted = 130,
};

// The exit code of a command that ended with `status`.
ExitCode ExitCodeOf(const absl::Status& status);

// True if its reason says more than its status code.
bool HasKnownReason(const absl::Status& status);

// What a person can do about it: one sentence, lower case, no full stop.
std::string NextStep(const absl::Status& status);

// The table of codes, for help texts.
std::string ExitCodeTable();

}  // namespace cairn::client
