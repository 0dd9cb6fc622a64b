#include "common/server/offline_command.h"

#include <iostream>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/server/run_server.h"

namespace cairn {

const OfflineCommand* FindOfflineCommand(
    std::span<const OfflineCommand> commands, int argc,
    const char* const* argv) {
  if (argc < 2) return nullptr;
  for (const OfflineCommand& command : commands) {
    if (command.name == std::string_view(argv[1])) return &command;
  }
  return nullptr;
}

std::string DescribeOfflineCommands(std::span<const OfflineCommand> commands,
                                    const std::string& program) {
  if (commands.empty()) return "";
  std::string text = "Commands, for a data directory that nothing serves:\n";
  for (const OfflineCommand& command : commands) {
    absl::StrAppend(&text, "  ", program, " ", command.name,
                    " [OPTIONS]\n      ", command.purpose, "\n");
  }
  return text;
}

int RunOfflineCommand(const OfflineCommand& command, Settings& settings,
                      const std::function<absl::Status()>& validate,
                      const std::function<LogOptions()>& log, int argc,
                      const char* const* argv) {
  if (command.add_settings) command.add_settings(settings);
  settings.set_footer(absl::StrCat(command.name, ": ", command.purpose, "\n"));
  // The command's name stands for the program's.
  const absl::StatusOr<ParsedCommand> parsed =
      settings.Parse(argc - 1, argv + 1, std::cout);
  if (parsed.ok() && *parsed == ParsedCommand::kExit) return 0;
  absl::Status valid = parsed.status();
  if (valid.ok() && validate) valid = validate();
  if (!valid.ok()) {
    std::cerr << command.name << ": " << valid.message() << "\n";
    return kConfigExitCode;
  }
  if (settings.check_only()) return 0;
  InitializeLog(log());
  const int exit_code = command.run(std::cout);
  std::cout.flush();
  return exit_code;
}

}  // namespace cairn
