#include "client/cli/commands/task_options.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/snapshot_argument.h"
#include "client/cli/span.h"
#include "common/config/settings.h"
#include "common/prune/calendar_span.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using maintenance::v1::TaskOptions;

absl::StatusOr<google::protobuf::Duration> MakeDuration(
    const std::string& text, std::string_view source) {
  google::protobuf::Duration duration;
  ASSIGN_OR_RETURN(const int64_t seconds, ParseSpan(text, source));
  duration.set_seconds(seconds);
  return duration;
}

absl::StatusOr<uint64_t> MakeSize(const std::string& text,
                                  std::string_view source) {
  absl::StatusOr<uint64_t> size = ParseByteSize(text);
  if (!size.ok()) return WithContext(size.status(), source);
  return size;
}

// What --group names, or the namespace of --datastore and --namespace.
absl::StatusOr<std::string> MakeScope(const std::string& group,
                                      CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  if (group.empty()) return scope.ToString();
  ASSIGN_OR_RETURN(const GroupName name, ParseGroupArgument(group, scope));
  return name.ToString();
}

CLI::Option* AddDepth(CLI::App* command, std::optional<uint32_t>* depth,
                      const std::string& text) {
  return command->add_option("--max-depth", *depth, text)
      ->type_name("N")
      ->check(CLI::Range(0, kMaxNamespaceDepth));
}

void AddFilter(CLI::App* command, const std::string& name,
               std::vector<std::string>* filters, const std::string& text) {
  command->add_option(name, *filters, text)
      ->type_name("FILTER")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

}  // namespace

void AddPruneOptions(CLI::App* command, PruneArguments* arguments) {
  AddKeepOptions(command, &arguments->keep);
  CLI::Option* group =
      command->add_option("--group", arguments->group,
                          "of this group alone: host/ID, vm/ID or ct/ID "
                          "(default: all groups of --namespace)");
  CLI::Option* recursive = command->add_flag(
      "--recursive", arguments->recursive, "the namespaces below too");
  CLI::Option* depth = AddDepth(command, &arguments->max_depth,
                                "and so many levels of namespaces below");
  recursive->excludes(group)->excludes(depth);
  depth->excludes(group);
  AddFilter(command, "--include", &arguments->include,
            "only groups that match: type:vm, group:host/web1 or regex:^vm/1; "
            "may be repeated, one match is enough");
  AddFilter(command, "--exclude", &arguments->exclude,
            "and no groups that match; may be repeated");
  command
      ->add_option("--trash-time", arguments->trash_time,
                   "how long what is forgotten can be had back, such as 7d; 0: "
                   "the next gc may drop it (default: the server's, 7d)")
      ->type_name("SPAN");
  command->add_flag("--allow-last-good", arguments->allow_last_good,
                    "forget also the last snapshot of a group that verified");
  command->add_flag("--confirm-clock", arguments->confirm_clock,
                    "go on though the server's clock is behind the newest "
                    "snapshot");
  command->add_flag("--allow-share", arguments->allow_share,
                    "forget also more than --max-share of a group");
  command
      ->add_option("--max-share", arguments->max_share_percent,
                   "percent of a group that may be forgotten at once (default: "
                   "50)")
      ->type_name("PERCENT")
      ->check(CLI::Range(1, 100));
}

absl::StatusOr<TaskOptions> MakePruneOptions(const PruneArguments& arguments,
                                             CommandContext& context) {
  TaskOptions made;
  maintenance::v1::PruneOptions& options = *made.mutable_prune();
  ASSIGN_OR_RETURN(*options.mutable_scope(),
                   MakeScope(arguments.group, context));
  options.set_max_depth(arguments.recursive ? kMaxNamespaceDepth
                                            : arguments.max_depth.value_or(0));
  for (const std::string& text : arguments.include) options.add_include(text);
  for (const std::string& text : arguments.exclude) options.add_exclude(text);
  maintenance::v1::KeepOptions& keep = *options.mutable_keep();
  const PruneOptions& counts = arguments.keep.counts;
  keep.set_keep_last(counts.keep_last);
  keep.set_keep_hourly(counts.keep_hourly);
  keep.set_keep_daily(counts.keep_daily);
  keep.set_keep_weekly(counts.keep_weekly);
  keep.set_keep_monthly(counts.keep_monthly);
  keep.set_keep_yearly(counts.keep_yearly);
  if (arguments.keep.within.has_value()) {
    const absl::StatusOr<CalendarSpan> span =
        CalendarSpan::Parse(*arguments.keep.within);
    if (!span.ok()) return WithContext(span.status(), "--keep-within");
    keep.set_keep_within(*arguments.keep.within);
  }
  // As of a variable that is not set.
  if (arguments.keep.time_zone.empty()) {
    return absl::InvalidArgumentError(
        "--timezone is empty; allowed are UTC and names such as Europe/Vienna");
  }
  keep.set_time_zone(arguments.keep.time_zone);
  if (!arguments.trash_time.empty()) {
    ASSIGN_OR_RETURN(*options.mutable_trash_time(),
                     MakeDuration(arguments.trash_time, "--trash-time"));
  }
  options.set_allow_last_good(arguments.allow_last_good);
  options.set_confirm_clock(arguments.confirm_clock);
  options.set_allow_share(arguments.allow_share);
  options.set_max_share_percent(arguments.max_share_percent);
  return made;
}

void AddGcOptions(CLI::App* command, GcArguments* arguments) {
  command
      ->add_option("--live-percent", arguments->live_percent,
                   "compact a pack of which less than this is live; 100: all "
                   "that are not live throughout (default: 80)")
      ->type_name("PERCENT")
      ->check(CLI::Range(1, 100));
  command
      ->add_option("--copy-rate", arguments->copy_rate,
                   "bytes a second that compaction may copy, such as 50MiB "
                   "(default: no limit)")
      ->type_name("BYTES");
  command
      ->add_option("--max-copy", arguments->max_copy,
                   "bytes that compaction may copy in this run, such as 100GiB "
                   "(default: no limit)")
      ->type_name("BYTES");
  command
      ->add_option("--max-time", arguments->max_time,
                   "begin no further step after this, such as 4h (default: no "
                   "limit)")
      ->type_name("SPAN");
  command->add_flag("--confirm-clock", arguments->confirm_clock,
                    "the server's clock is right, however far it has gone");
  command->add_flag("--allow-empty", arguments->allow_empty,
                    "drop all that is stored if no snapshot is listed and none "
                    "is in trash");
}

absl::StatusOr<TaskOptions> MakeGcOptions(const GcArguments& arguments,
                                          CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  TaskOptions made;
  maintenance::v1::GcOptions& options = *made.mutable_gc();
  options.set_datastore("datastores/" + scope.datastore);
  options.set_live_percent(arguments.live_percent);
  if (!arguments.copy_rate.empty()) {
    ASSIGN_OR_RETURN(const uint64_t rate,
                     ParseRate(arguments.copy_rate, "--copy-rate"));
    options.set_copy_bytes_per_second(rate);
  }
  if (!arguments.max_copy.empty()) {
    ASSIGN_OR_RETURN(const uint64_t size,
                     MakeSize(arguments.max_copy, "--max-copy"));
    options.set_max_copy_bytes(size);
  }
  if (!arguments.max_time.empty()) {
    ASSIGN_OR_RETURN(*options.mutable_max_time(),
                     MakeDuration(arguments.max_time, "--max-time"));
  }
  options.set_confirm_clock(arguments.confirm_clock);
  options.set_allow_empty(arguments.allow_empty);
  return made;
}

void AddVerifyOptions(CLI::App* command, VerifyArguments* arguments) {
  CLI::Option* group =
      command->add_option("--group", arguments->group,
                          "of this group alone: host/ID, vm/ID or ct/ID "
                          "(default: all of --namespace and below)");
  AddDepth(command, &arguments->max_depth,
           "only so many levels of namespaces below --namespace")
      ->excludes(group);
  command->add_flag("--light", arguments->light,
                    "only see that all is there, and as long as it should be; "
                    "without it all is read, decoded and proved by its digest");
  command
      ->add_option("--outdated-after", arguments->outdated_after,
                   "pass over what was proved since, such as 30d (default: "
                   "nothing is passed over)")
      ->type_name("SPAN");
  command
      ->add_option("--max-time", arguments->max_time,
                   "end after this, such as 4h; the oldest proofs come first")
      ->type_name("SPAN");
  command
      ->add_option("--max-bytes", arguments->max_bytes,
                   "end after so many bytes were read, such as 500GiB")
      ->type_name("BYTES");
  command
      ->add_option("--max-share", arguments->max_share_percent,
                   "end after so much of the datastore was read; 3.4 each day "
                   "proves all in a month")
      ->type_name("PERCENT")
      ->check(CLI::Range(0.1, 100.0));
  command
      ->add_option("--read-rate", arguments->read_rate,
                   "bytes a second that may be read, such as 100MiB (default: "
                   "no limit)")
      ->type_name("BYTES");
}

absl::StatusOr<TaskOptions> MakeVerifyOptions(const VerifyArguments& arguments,
                                              CommandContext& context) {
  TaskOptions made;
  maintenance::v1::VerifyOptions& options = *made.mutable_verify();
  ASSIGN_OR_RETURN(*options.mutable_scope(),
                   MakeScope(arguments.group, context));
  if (arguments.group.empty()) {
    options.set_max_depth(arguments.max_depth.value_or(kMaxNamespaceDepth));
  }
  options.set_light(arguments.light);
  if (!arguments.outdated_after.empty()) {
    ASSIGN_OR_RETURN(
        *options.mutable_outdated_after(),
        MakeDuration(arguments.outdated_after, "--outdated-after"));
  }
  if (!arguments.max_time.empty()) {
    ASSIGN_OR_RETURN(*options.mutable_max_time(),
                     MakeDuration(arguments.max_time, "--max-time"));
  }
  if (!arguments.max_bytes.empty()) {
    ASSIGN_OR_RETURN(const uint64_t size,
                     MakeSize(arguments.max_bytes, "--max-bytes"));
    options.set_max_bytes(size);
  }
  options.set_max_share_permille(
      static_cast<uint32_t>(std::lround(arguments.max_share_percent * 10)));
  if (!arguments.read_rate.empty()) {
    ASSIGN_OR_RETURN(const uint64_t rate,
                     ParseRate(arguments.read_rate, "--read-rate"));
    options.set_read_bytes_per_second(rate);
  }
  return made;
}

}  // namespace cairn::client
