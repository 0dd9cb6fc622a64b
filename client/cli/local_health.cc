#include "client/cli/local_health.h"

#include <optional>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/config/yaml_file.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// "0.0.0.0:9450" is no address to connect to.
std::string AtLoopback(std::string_view listen) {
  for (const std::string_view every : {"0.0.0.0:", "*:"}) {
    if (listen.starts_with(every)) {
      return absl::StrCat("127.0.0.1:", listen.substr(every.size()));
    }
  }
  constexpr std::string_view kEveryV6 = "[::]:";
  if (listen.starts_with(kEveryV6)) {
    return absl::StrCat("[::1]:", listen.substr(kEveryV6.size()));
  }
  return std::string(listen);
}

absl::StatusOr<std::string> HealthListenOf(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<YamlEntry> entries, ReadYamlFile(path));
  for (const YamlEntry& entry : entries) {
    if (entry.key == "health-listen" && !entry.values.empty()) {
      return entry.values.back();
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<std::string> LocalHealthAddress(
    const GetEnvironment& environment) {
  std::string listen = environment("CAIRN_HEALTH_LISTEN").value_or("");
  const std::string file = environment("CAIRN_CONFIG").value_or("");
  if (listen.empty() && !file.empty()) {
    ASSIGN_OR_RETURN(listen, HealthListenOf(file));
  }
  if (!listen.empty()) return AtLoopback(listen);
  const std::string server = MergeSettings({}, {}, {}).server;
  return server == kDefaultAddress ? kDefaultHealthAddress : server;
}

}  // namespace cairn::client
