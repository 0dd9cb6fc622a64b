#include "client/cli/render/task_options.h"

#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"
#include "client/cli/span.h"

namespace cairn::client {
namespace {

using namespace maintenance::v1;  // NOLINT: this file is about nothing else

Json SecondsOrNull(bool is_set, const google::protobuf::Duration& duration) {
  return is_set ? Json(ToSeconds(duration)) : Json(nullptr);
}

template <typename Texts>
Json List(const Texts& texts) {
  Json list = Json::array();
  for (const std::string& text : texts) list.push_back(text);
  return list;
}

Json ToJson(const KeepOptions& keep) {
  return {{"keep_last", keep.keep_last()},
          {"keep_hourly", keep.keep_hourly()},
          {"keep_daily", keep.keep_daily()},
          {"keep_weekly", keep.keep_weekly()},
          {"keep_monthly", keep.keep_monthly()},
          {"keep_yearly", keep.keep_yearly()},
          {"keep_within", TextOrNull(keep.keep_within())},
          {"time_zone", keep.time_zone().empty() ? "UTC" : keep.time_zone()}};
}

Json ToJson(const PruneOptions& options) {
  return {{"scope", options.scope()},
          {"max_depth", options.max_depth()},
          {"include", List(options.include())},
          {"exclude", List(options.exclude())},
          {"keep", ToJson(options.keep())},
          {"trash_time_seconds",
           SecondsOrNull(options.has_trash_time(), options.trash_time())},
          {"allow_last_good", options.allow_last_good()},
          {"confirm_clock", options.confirm_clock()},
          {"allow_share", options.allow_share()},
          {"max_share_percent", options.max_share_percent()},
          {"plan_hash", TextOrNull(options.plan_hash())},
          {"validate_only", options.validate_only()}};
}

Json ToJson(const GcOptions& options) {
  return {{"datastore", options.datastore()},
          {"live_percent", options.live_percent()},
          {"copy_bytes_per_second", options.copy_bytes_per_second()},
          {"max_copy_bytes", options.max_copy_bytes()},
          {"max_time_seconds",
           SecondsOrNull(options.has_max_time(), options.max_time())},
          {"confirm_clock", options.confirm_clock()},
          {"allow_empty", options.allow_empty()},
          {"validate_only", options.validate_only()}};
}

Json ToJson(const VerifyOptions& options) {
  return {{"scope", options.scope()},
          {"max_depth", options.max_depth()},
          {"light", options.light()},
          {"outdated_after_seconds", SecondsOrNull(options.has_outdated_after(),
                                                   options.outdated_after())},
          {"max_time_seconds",
           SecondsOrNull(options.has_max_time(), options.max_time())},
          {"max_bytes", options.max_bytes()},
          {"max_share_permille", options.max_share_permille()},
          {"read_bytes_per_second", options.read_bytes_per_second()}};
}

void AppendSpan(const std::string& flag, bool is_set,
                const google::protobuf::Duration& duration, std::string* out) {
  if (!is_set) return;
  absl::StrAppend(out, flag, FormatSpanArgument(duration.seconds()));
}

void AppendNumber(const std::string& flag, uint64_t number, std::string* out) {
  if (number > 0) absl::StrAppend(out, flag, number);
}

void AppendFlag(const std::string& flag, bool is_set, std::string* out) {
  if (is_set) absl::StrAppend(out, flag);
}

std::string Describe(const PruneOptions& options) {
  const KeepOptions& keep = options.keep();
  std::string out;
  AppendNumber(" --keep-last=", keep.keep_last(), &out);
  AppendNumber(" --keep-hourly=", keep.keep_hourly(), &out);
  AppendNumber(" --keep-daily=", keep.keep_daily(), &out);
  AppendNumber(" --keep-weekly=", keep.keep_weekly(), &out);
  AppendNumber(" --keep-monthly=", keep.keep_monthly(), &out);
  AppendNumber(" --keep-yearly=", keep.keep_yearly(), &out);
  if (!keep.keep_within().empty()) {
    absl::StrAppend(&out, " --keep-within=", keep.keep_within());
  }
  if (!keep.time_zone().empty() && keep.time_zone() != "UTC") {
    absl::StrAppend(&out, " --timezone=", keep.time_zone());
  }
  AppendNumber(" --max-depth=", options.max_depth(), &out);
  for (const std::string& text : options.include()) {
    absl::StrAppend(&out, " --include=", text);
  }
  for (const std::string& text : options.exclude()) {
    absl::StrAppend(&out, " --exclude=", text);
  }
  AppendSpan(" --trash-time=", options.has_trash_time(), options.trash_time(),
             &out);
  AppendFlag(" --allow-last-good", options.allow_last_good(), &out);
  AppendFlag(" --confirm-clock", options.confirm_clock(), &out);
  AppendFlag(" --allow-share", options.allow_share(), &out);
  AppendNumber(" --max-share=", options.max_share_percent(), &out);
  if (!options.plan_hash().empty()) {
    absl::StrAppend(&out, " --plan=", options.plan_hash());
  }
  AppendFlag(" --dry-run", options.validate_only(), &out);
  return absl::StrCat(options.scope(), out);
}

std::string Describe(const GcOptions& options) {
  std::string out;
  AppendNumber(" --live-percent=", options.live_percent(), &out);
  AppendNumber(" --copy-rate=", options.copy_bytes_per_second(), &out);
  AppendNumber(" --max-copy=", options.max_copy_bytes(), &out);
  AppendSpan(" --max-time=", options.has_max_time(), options.max_time(), &out);
  AppendFlag(" --confirm-clock", options.confirm_clock(), &out);
  AppendFlag(" --allow-empty", options.allow_empty(), &out);
  AppendFlag(" --dry-run", options.validate_only(), &out);
  return absl::StrCat(options.datastore(), out);
}

std::string Describe(const VerifyOptions& options) {
  std::string out;
  AppendNumber(" --max-depth=", options.max_depth(), &out);
  AppendFlag(" --light", options.light(), &out);
  AppendSpan(" --outdated-after=", options.has_outdated_after(),
             options.outdated_after(), &out);
  AppendSpan(" --max-time=", options.has_max_time(), options.max_time(), &out);
  AppendNumber(" --max-bytes=", options.max_bytes(), &out);
  if (options.max_share_permille() > 0) {
    absl::StrAppend(&out, " --max-share=", options.max_share_permille() / 10.0);
  }
  AppendNumber(" --read-rate=", options.read_bytes_per_second(), &out);
  return absl::StrCat(options.scope(), out);
}

}  // namespace

TaskKind KindOf(const TaskOptions& options) {
  switch (options.options_case()) {
    case TaskOptions::kPrune:
      return TASK_KIND_PRUNE;
    case TaskOptions::kGc:
      return TASK_KIND_GC;
    case TaskOptions::kVerify:
      return TASK_KIND_VERIFY;
    default:
      return TASK_KIND_UNSPECIFIED;
  }
}

Json ToJson(const TaskOptions& options) {
  switch (options.options_case()) {
    case TaskOptions::kPrune:
      return ToJson(options.prune());
    case TaskOptions::kGc:
      return ToJson(options.gc());
    case TaskOptions::kVerify:
      return ToJson(options.verify());
    default:
      return nullptr;
  }
}

std::string DescribeOptions(const TaskOptions& options) {
  switch (options.options_case()) {
    case TaskOptions::kPrune:
      return Describe(options.prune());
    case TaskOptions::kGc:
      return Describe(options.gc());
    case TaskOptions::kVerify:
      return Describe(options.verify());
    default:
      return "";
  }
}

}  // namespace cairn::client
