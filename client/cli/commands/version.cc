#include "client/cli/commands/version.h"

#include "common/config/version.h"

namespace cairn::client {

void AddVersionCommand(CLI::App* root, Action* chosen) {
  CLI::App* command = AddCommand(
      root, "version", "Print the version of this program", "cairn version");
  command->callback([chosen] {
    *chosen = [](CommandContext& context) -> absl::StatusOr<ExitCode> {
      if (context.json()) {
        context.out() << Print({{"version", kVersion}});
      } else {
        context.out() << "cairn " << kVersion << "\n";
      }
      return kExitOk;
    };
  });
}

}  // namespace cairn::client
