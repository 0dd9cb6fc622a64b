#include "common/server/config_reload.h"

#include <utility>

#include "absl/strings/str_join.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace cairn {

ConfigReload::ConfigReload(std::function<absl::Status()> validate,
                           const Dependencies& dependencies)
    : validate_(std::move(validate)),
      dependencies_(dependencies),
      success_(dependencies.server->metrics().AddGauge(
          "cairn_config_reload_success",
          "1 if the settings were right when they were last read, else 0: "
          "those from before stay in use.")),
      last_(dependencies.server->metrics().AddGauge(
          "cairn_config_last_reload_timestamp_seconds",
          "When the settings were last read and taken over, as seconds since "
          "1970.")) {
  success_.Set(1);
  last_.Set(
      absl::ToDoubleSeconds(dependencies.clock->Now() - absl::UnixEpoch()));
}

void ConfigReload::Run() {
  const absl::StatusOr<SettingChanges> changes = TakeOver();
  success_.Set(changes.ok() ? 1 : 0);
  if (!changes.ok()) {
    LOG(ERROR) << "settings not reloaded, those from before stay in use "
                  "error="
               << changes.status().ToString();
    return;
  }
  last_.Set(
      absl::ToDoubleSeconds(dependencies_.clock->Now() - absl::UnixEpoch()));
  for (const std::string& name : changes->need_restart) {
    LOG(WARNING) << "setting " << name
                 << " has changed and needs a restart; until then it stays as "
                    "it is";
  }
  LOG(INFO) << "settings reloaded changed="
            << absl::StrJoin(changes->taken, ",");
}

absl::StatusOr<SettingChanges> ConfigReload::TakeOver() {
  const ServerOptions& options = *dependencies_.options;
  const auto apply = [&] { return dependencies_.server->Reload(options); };
  absl::StatusOr<SettingChanges> changes =
      dependencies_.settings->Reload(validate_, apply);
  if (!changes.ok()) {
    // What was taken over before it failed goes back to what is in the fields
    // again; threads that were made stay.
    apply().IgnoreError();
    return changes;
  }
  // A level that does not exist has been refused.
  SetLogLevel(ParseLogLevel(options.log_level).value_or(LogLevel::kInfo));
  return changes;
}

}  // namespace cairn
