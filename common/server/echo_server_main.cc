#include "absl/synchronization/notification.h"
#include "common/config/settings.h"
#include "common/config/version.h"
#include "common/log/log.h"
#include "common/server/echo_test_service.h"
#include "common/server/run_server.h"

namespace {

// A service whose recovery never ends.
class EndlessService final : public cairn::Service {
 public:
  std::string name() const override { return "endless"; }
  absl::Status Start(cairn::ServiceContext&) override {
    LOG(INFO) << "start takes for ever";
    absl::Notification().WaitForNotification();
    return absl::OkStatus();
  }
  void Drain() override {}
  void Stop() override {}
};

}  // namespace

int main(int argc, char** argv) {
  cairn::ServerOptions server;
  cairn::EchoTestService::Probe probe;
  bool endless_start = false;
  std::string word = "no";
  cairn::Settings settings("echo-server", "Echoes, for a test.",
                           cairn::kVersion);
  cairn::RegisterServerSettings(settings, &server);
  settings.Add("endless-start", &endless_start, "Never ends to start.");
  return cairn::RunServer(
      {.name = "echo",
       .settings = &settings,
       .server = &server,
       .validate = {},
       .build =
           [&probe, &endless_start] {
             std::vector<std::unique_ptr<cairn::Service>> services;
             services.push_back(
                 std::make_unique<cairn::EchoTestService>(&probe));
             if (endless_start) {
               services.push_back(std::make_unique<EndlessService>());
             }
             return services;
           },
       .commands = {{.name = "where",
                     .purpose = "Says which directory it has, and its word.",
                     .add_settings =
                         [&word](cairn::Settings& own) {
                           own.Add("word", &word, "What to say.");
                         },
                     .run =
                         [&](std::ostream& out) {
                           out << word << " " << server.data_dir << std::endl;
                           return 7;
                         }}}},
      argc, argv);
}
