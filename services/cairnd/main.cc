#include "common/config/settings.h"
#include "common/config/version.h"
#include "common/server/run_server.h"
#include "common/server/server_options.h"
#include "services/cairnd/options.h"
#include "services/cairnd/server.h"

int main(int argc, char** argv) {
  cairn::ServerOptions server;
  // No loopback: there every user of the machine would be an administrator.
  server.listen = {"unix:/run/cairn/cairnd.sock"};
  server.metrics_listen = "127.0.0.1:9464";
  cairn::cairnd::Options options;
  cairn::Settings settings("cairnd",
                           "A deduplicating backup server in one process.",
                           cairn::kVersion);
  cairn::RegisterServerSettings(settings, &server);
  cairn::cairnd::RegisterSettings(settings, &options);
  return cairn::RunServer(
      {.name = "cairnd",
       .settings = &settings,
       .server = &server,
       .validate = [&] { return options.Validate(server.max_streams); },
       .build =
           [&] { return cairn::cairnd::BuildServices(&options, &server); }},
      argc, argv);
}
