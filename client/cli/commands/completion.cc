#include "client/cli/commands/completion.h"

#include <memory>
#include <string>

#include "client/cli/completion_script.h"

namespace cairn::client {

void AddCompletionCommand(CLI::App* root, Action* chosen) {
  auto shell = std::make_shared<std::string>();
  CLI::App* command = AddCommand(
      root, "completion", "Print a script that completes commands in a shell",
      "cairn completion bash > /etc/bash_completion.d/cairn\n"
      "cairn completion zsh > /usr/share/zsh/site-functions/_cairn");
  command->add_option("SHELL", *shell, "bash or zsh")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh"}));
  command->callback([root, shell, chosen] {
    *chosen = [root,
               shell](CommandContext& context) -> absl::StatusOr<ExitCode> {
      context.out() << (*shell == "bash" ? BashCompletion(*root)
                                         : ZshCompletion(*root));
      return kExitOk;
    };
  });
}

}  // namespace cairn::client
