#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/settings.h"
#include "common/server/offline_command.h"
#include "common/server/server_options.h"
#include "common/server/service.h"
#include "common/status/fatal_error.h"
#include "common/time/clock.h"

namespace cairn {

// A program of the suite: its main function is
//
//   int main(int argc, char** argv) {
//     cairn::ServerOptions server;
//     cairn::index::Options options;
//     cairn::Settings settings("cairn-index", "Keeps ...", cairn::kVersion);
//     cairn::RegisterServerSettings(settings, &server);
//     cairn::index::RegisterSettings(settings, &options);
//     return cairn::RunServer(
//         {.name = "index", .settings = &settings, .server = &server,
//          .validate = [&] { return options.Validate(); },
//          .build = [&] { return cairn::index::BuildServices(...); }},
//         argc, argv);
//   }
struct ServerProgram {
  std::string name;  // in logs and metrics
  Settings* settings = nullptr;
  const ServerOptions* server = nullptr;
  // Besides server->Validate(); may be null.
  std::function<absl::Status()> validate;
  // The services, not started.
  std::function<std::vector<std::unique_ptr<Service>>()> build;
  // Run instead of serving where the first argument names one.
  std::vector<OfflineCommand> commands;
};

// Exit code for settings that are not right (EX_CONFIG of sysexits.h).
inline constexpr int kConfigExitCode = 78;

// Reads the settings, serves until SIGTERM or SIGINT, drains, and returns the
// exit code: 0 after a stop that was asked for, 78 for settings that are not
// right, 1 if the server could not start; kFatalExitCode when durability is
// lost. A second signal ends the drain, a third one the process. SIGHUP reads
// the settings again (ConfigReload). A service manager is told by
// ServiceNotifier. Call it from main before there are threads.
int RunServer(const ServerProgram& program, int argc, const char* const* argv);

}  // namespace cairn
