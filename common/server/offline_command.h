#pragma once

#include <functional>
#include <ostream>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "common/config/settings.h"
#include "common/log/log.h"

namespace cairn {

// A command of a service's program that works on the data directory of a
// service that does not run: `cairn-index rebuild --data-dir=...`. It takes
// the settings of the program, from the same flags, environment and file, and
// its own. Its result goes to stdout, its log to stderr.
struct OfflineCommand {
  std::string name;     // "rebuild"
  std::string purpose;  // one line for --help
  // Adds its own settings. May be null.
  std::function<void(Settings& settings)> add_settings;
  // Gives the exit code. A signal ends the process where it is.
  std::function<int(std::ostream& out)> run;
};

// Exit codes of offline commands besides 0, 1 (an error, which is logged) and
// 78 (settings that are not right).
inline constexpr int kSomethingLostExitCode = 3;

// The command that the first argument names; null if it names none.
const OfflineCommand* FindOfflineCommand(
    std::span<const OfflineCommand> commands, int argc,
    const char* const* argv);

// What --help of the program says about them; empty if there are none.
std::string DescribeOfflineCommands(std::span<const OfflineCommand> commands,
                                    const std::string& program);

// Reads the settings from the arguments after the command's name, checks them
// with `validate` (may be null), logs as `log` says once they are read, and
// runs the command. The result is the exit code.
int RunOfflineCommand(const OfflineCommand& command, Settings& settings,
                      const std::function<absl::Status()>& validate,
                      const std::function<LogOptions()>& log, int argc,
                      const char* const* argv);

}  // namespace cairn
