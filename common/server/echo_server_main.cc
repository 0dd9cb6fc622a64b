#include "common/config/settings.h"
#include "common/config/version.h"
#include "common/server/echo_test_service.h"
#include "common/server/run_server.h"

int main(int argc, char** argv) {
  cairn::ServerOptions server;
  cairn::EchoTestService::Probe probe;
  cairn::Settings settings("echo-server", "Echoes, for a test.",
                           cairn::kVersion);
  cairn::RegisterServerSettings(settings, &server);
  return cairn::RunServer(
      {.name = "echo",
       .settings = &settings,
       .server = &server,
       .validate = {},
       .build =
           [&probe] {
             std::vector<std::unique_ptr<cairn::Service>> services;
             services.push_back(
                 std::make_unique<cairn::EchoTestService>(&probe));
             return services;
           }},
      argc, argv);
}
