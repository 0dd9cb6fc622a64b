#include "common/config/settings.h"
#include "common/config/version.h"
#include "common/server/run_server.h"
#include "common/server/server_options.h"
#include "services/ingest/options.h"
#include "services/ingest/server.h"

int main(int argc, char** argv) {
  cairn::ServerOptions server;
  server.listen = {"127.0.0.1:9440"};
  server.metrics_listen = "127.0.0.1:9464";
  cairn::ingest::Options options;
  cairn::ingest::PeerOptions peers;
  cairn::Settings settings("cairn-ingest",
                           "The door of Cairn for data in and out.",
                           cairn::kVersion);
  cairn::RegisterServerSettings(settings, &server);
  cairn::ingest::RegisterSettings(settings, "", &options);
  cairn::ingest::RegisterPeerSettings(settings, &peers);
  return cairn::RunServer(
      {.name = "ingest",
       .settings = &settings,
       .server = &server,
       .validate = [&] { return options.Validate(server.max_streams); },
       .build =
           [&] {
             return cairn::ingest::BuildServices(&options, peers, &server);
           }},
      argc, argv);
}
