#include "common/config/settings.h"
#include "common/config/version.h"
#include "common/server/run_server.h"
#include "common/server/server_options.h"
#include "services/maintenance/options.h"
#include "services/maintenance/server.h"

int main(int argc, char** argv) {
  cairn::ServerOptions server;
  server.listen = {"127.0.0.1:9443"};
  server.metrics_listen = "127.0.0.1:9467";
  cairn::maintenance::Options options;
  cairn::maintenance::PeerOptions peers;
  cairn::Settings settings("cairn-maintenance",
                           "Decides who may write, read and sweep.",
                           cairn::kVersion);
  cairn::RegisterServerSettings(settings, &server);
  cairn::maintenance::RegisterSettings(settings, "", &options);
  cairn::maintenance::RegisterPeerSettings(settings, &peers);
  return cairn::RunServer({.name = "maintenance",
                           .settings = &settings,
                           .server = &server,
                           .validate = [&] { return options.Validate(); },
                           .build =
                               [&] {
                                 return cairn::maintenance::BuildServices(
                                     options, peers, server);
                               }},
                          argc, argv);
}
