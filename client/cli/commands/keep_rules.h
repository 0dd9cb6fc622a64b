#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/prune/prune_selection.h"

namespace cairn::client {

// What the options below were given.
struct KeepArguments {
  PruneOptions counts;
  std::optional<std::string> within;
  std::string time_zone = "UTC";
};

struct KeepRules {
  PruneOptions options;
  absl::TimeZone zone;
};

// Adds --keep-last to --keep-yearly, --keep-within and --timezone, which set
// `arguments`; it outlives the command.
void AddKeepOptions(CLI::App* command, KeepArguments* arguments);

// InvalidArgument: a span or a zone that there is not.
absl::StatusOr<KeepRules> ParseKeepRules(const KeepArguments& arguments);

}  // namespace cairn::client
