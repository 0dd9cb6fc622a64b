#include "common/config/settings.h"
#include "common/config/version.h"
#include "common/server/run_server.h"
#include "common/server/server_options.h"
#include "services/index/options.h"
#include "services/index/rebuild.h"
#include "services/index/server.h"

int main(int argc, char** argv) {
  cairn::ServerOptions server;
  server.listen = {"127.0.0.1:9441"};
  server.metrics_listen = "127.0.0.1:9465";
  cairn::index::Options options;
  cairn::Settings settings(
      "cairn-index", "Keeps what Cairn has stored: the catalog and its pages.",
      cairn::kVersion);
  cairn::RegisterServerSettings(settings, &server);
  cairn::index::RegisterSettings(settings, "", &options);
  return cairn::RunServer(
      {.name = "index",
       .settings = &settings,
       .server = &server,
       .validate = [&] { return options.Validate(); },
       .build = [&] { return cairn::index::BuildServices(options, server); },
       .commands = {cairn::index::RebuildCommand(&options, &server)}},
      argc, argv);
}
