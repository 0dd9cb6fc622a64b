#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/config/settings.h"
#include "common/metrics/metric_registry.h"
#include "common/server/cairn_server.h"
#include "common/server/server_options.h"
#include "common/time/clock.h"

namespace cairn {

// Takes over what has changed in the settings of a server that runs: the log
// level and limits at once, all of it or, if anything is wrong, nothing.
// Shows how that went by cairn_config_reload_success and
// cairn_config_last_reload_timestamp_seconds, which begin with the start of
// the process, and by the log. Used by the thread that started the server.
class ConfigReload {
 public:
  // All outlive the object.
  struct Dependencies {
    Settings* settings = nullptr;
    const ServerOptions* options = nullptr;  // fields of `settings`
    CairnServer* server = nullptr;
    const Clock* clock = nullptr;
  };

  // `validate` looks at the fields of the settings.
  ConfigReload(std::function<absl::Status()> validate,
               const Dependencies& dependencies);

  void Run();

 private:
  absl::StatusOr<SettingChanges> TakeOver();

  const std::function<absl::Status()> validate_;
  const Dependencies dependencies_;
  Gauge& success_;
  Gauge& last_;
};

}  // namespace cairn
