#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cairn/maintenance/v1/task_service.pb.h"
#include "client/cli/command.h"
#include "client/cli/commands/keep_rules.h"
#include "common/model/names.h"

namespace cairn::client {

// The options of a task as a command takes them: `cairn prune`, and `cairn job
// set NAME prune` the same. Each Add... adds options that set its arguments,
// which outlive the command; each Make... makes of them what maintenance gets.
// InvalidArgument: an option is not of its form.

struct PruneArguments {
  KeepArguments keep;
  std::string group;
  bool recursive = false;
  std::optional<uint32_t> max_depth;
  std::vector<std::string> include;
  std::vector<std::string> exclude;
  std::string trash_time;  // empty: the server's
  bool allow_last_good = false;
  bool confirm_clock = false;
  bool allow_share = false;
  uint32_t max_share_percent = 0;
};
void AddPruneOptions(CLI::App* command, PruneArguments* arguments);
absl::StatusOr<maintenance::v1::TaskOptions> MakePruneOptions(
    const PruneArguments& arguments, CommandContext& context);

struct GcArguments {
  uint32_t live_percent = 0;
  std::string copy_rate;  // empty: no limit
  std::string max_copy;
  std::string max_time;
  bool confirm_clock = false;
  bool allow_empty = false;
};
void AddGcOptions(CLI::App* command, GcArguments* arguments);
absl::StatusOr<maintenance::v1::TaskOptions> MakeGcOptions(
    const GcArguments& arguments, CommandContext& context);

struct VerifyArguments {
  std::string group;
  std::optional<uint32_t> max_depth;
  bool light = false;
  std::string outdated_after;
  std::string max_time;
  std::string max_bytes;
  double max_share_percent = 0;
  std::string read_rate;
};
void AddVerifyOptions(CLI::App* command, VerifyArguments* arguments);
absl::StatusOr<maintenance::v1::TaskOptions> MakeVerifyOptions(
    const VerifyArguments& arguments, CommandContext& context);

}  // namespace cairn::client
