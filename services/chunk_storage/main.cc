#include <memory>
#include <utility>
#include <vector>

#include "common/config/settings.h"
#include "common/config/version.h"
#include "common/server/run_server.h"
#include "common/server/server_options.h"
#include "services/chunk_storage/options.h"
#include "services/chunk_storage/rebuild.h"
#include "services/chunk_storage/server.h"

int main(int argc, char** argv) {
  cairn::ServerOptions server;
  server.listen = {"127.0.0.1:9442"};
  server.metrics_listen = "127.0.0.1:9466";
  cairn::chunk_storage::Options options;
  cairn::Settings settings("cairn-chunk-storage",
                           "Keeps chunks in packs, and where each one is.",
                           cairn::kVersion);
  cairn::RegisterServerSettings(settings, &server);
  cairn::chunk_storage::RegisterSettings(settings, "", &options);
  return cairn::RunServer(
      {.name = "chunk_storage",
       .settings = &settings,
       .server = &server,
       .validate = [&] { return options.Validate(); },
       .build =
           [&] {
             std::vector<std::unique_ptr<cairn::Service>> services;
             services.push_back(
                 std::make_unique<cairn::chunk_storage::ChunkStorageServer>(
                     options, server.data_dir));
             return services;
           },
       .commands = {cairn::chunk_storage::RebuildCommand(&options, &server)}},
      argc, argv);
}
