#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/model/catalog.h"
#include "common/prune/calendar_span.h"
#include "common/prune/prune_guards.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/time/time_zone.h"
#include "common/wire/scalars.h"
#include "services/maintenance/domain/group_filter.h"
#include "services/maintenance/rpc/task_wire.h"

namespace cairn::maintenance {
namespace {

constexpr size_t kMaxPlanHashBytes = 64;
constexpr uint32_t kDefaultMaxSharePercent = 50;

absl::Status CheckAtMost(std::string_view field, uint64_t value,
                         uint64_t limit) {
  if (value <= limit) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is ", value, ", at most ", limit, " is allowed"));
}

// The whole of a datastore is its root namespace with all levels below.
absl::StatusOr<RunScope> ScopeFromProto(const std::string& text,
                                        uint32_t max_depth) {
  RETURN_IF_ERROR(CheckAtMost("max_depth", max_depth, kMaxNamespaceDepth));
  RunScope scope;
  scope.max_depth = max_depth;
  if (const auto parent = NamespaceName::Parse(text); parent.ok()) {
    scope.parent = *parent;
  } else if (const auto group = GroupName::Parse(text); group.ok()) {
    scope.parent = group->parent;
    scope.group = *group;
  } else if (const auto snapshot = SnapshotName::Parse(text); snapshot.ok()) {
    scope.parent = snapshot->group.parent;
    scope.group = snapshot->group;
    scope.snapshot = snapshot->time;
  } else {
    return absl::InvalidArgumentError(
        "scope names no datastore, namespace, group or snapshot");
  }
  return scope;
}

// Unset: for ever. 0 is refused: nothing would ever be done.
absl::StatusOr<absl::Duration> BudgetFromProto(
    std::string_view field, bool is_set,
    const google::protobuf::Duration& duration) {
  if (!is_set) return absl::InfiniteDuration();
  ASSIGN_OR_RETURN(const absl::Duration budget,
                   DurationFromProto(field, duration));
  if (budget > absl::ZeroDuration()) return budget;
  return absl::InvalidArgumentError(
      absl::StrCat(field, " is 0, more is needed to do anything"));
}

absl::StatusOr<std::string> TimeZoneFromProto(std::string_view field,
                                              const std::string& name) {
  if (name.empty()) return name;
  RETURN_IF_ERROR(WithContext(LoadTimeZone(name).status(), field));
  return name;
}

absl::StatusOr<GcRunOptions> GcFromProto(const v1::GcOptions& proto) {
  GcRunOptions options;
  ASSIGN_OR_RETURN(options.datastore,
                   DatastoreNameFromProto("datastore", proto.datastore()));
  RETURN_IF_ERROR(CheckAtMost("live_percent", proto.live_percent(), 100));
  options.live_percent = proto.live_percent();
  options.copy_bytes_per_second = proto.copy_bytes_per_second();
  options.max_copy_bytes = proto.max_copy_bytes();
  ASSIGN_OR_RETURN(
      options.max_time,
      BudgetFromProto("max_time", proto.has_max_time(), proto.max_time()));
  options.confirm_clock = proto.confirm_clock();
  options.allow_empty = proto.allow_empty();
  options.validate_only = proto.validate_only();
  return options;
}

absl::StatusOr<VerifyRunOptions> VerifyFromProto(
    const v1::VerifyOptions& proto) {
  VerifyRunOptions options;
  ASSIGN_OR_RETURN(options.scope,
                   ScopeFromProto(proto.scope(), proto.max_depth()));
  options.light = proto.light();
  if (proto.has_outdated_after()) {
    ASSIGN_OR_RETURN(
        options.outdated_after,
        DurationFromProto("outdated_after", proto.outdated_after()));
  }
  ASSIGN_OR_RETURN(
      options.max_time,
      BudgetFromProto("max_time", proto.has_max_time(), proto.max_time()));
  options.max_bytes = proto.max_bytes();
  RETURN_IF_ERROR(
      CheckAtMost("max_share_permille", proto.max_share_permille(), 1000));
  options.max_share_permille = proto.max_share_permille();
  options.read_bytes_per_second = proto.read_bytes_per_second();
  return options;
}

absl::Status CheckPlanHash(const std::string& hash) {
  if (hash.empty()) return absl::OkStatus();
  const bool is_hex =
      hash.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (is_hex && hash.size() == kMaxPlanHashBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("plan_hash is not ", kMaxPlanHashBytes,
                   " lower case hex digits, as a plan tells it"));
}

}  // namespace

absl::StatusOr<PruneOptions> FromProto(const v1::KeepOptions& proto) {
  PruneOptions keep;
  keep.keep_last = proto.keep_last();
  keep.keep_hourly = proto.keep_hourly();
  keep.keep_daily = proto.keep_daily();
  keep.keep_weekly = proto.keep_weekly();
  keep.keep_monthly = proto.keep_monthly();
  keep.keep_yearly = proto.keep_yearly();
  if (!proto.keep_within().empty()) {
    const auto within = CalendarSpan::Parse(proto.keep_within());
    if (!within.ok()) return WithContext(within.status(), "keep_within");
    keep.keep_within = *within;
  }
  return keep;
}

absl::StatusOr<PruneRunOptions> FromProto(const v1::PruneOptions& proto) {
  PruneRunOptions options;
  ASSIGN_OR_RETURN(options.scope,
                   ScopeFromProto(proto.scope(), proto.max_depth()));
  if (options.scope.snapshot.has_value()) {
    return absl::InvalidArgumentError(
        "scope names a snapshot; a datastore, a namespace or a group is "
        "pruned");
  }
  options.include.assign(proto.include().begin(), proto.include().end());
  options.exclude.assign(proto.exclude().begin(), proto.exclude().end());
  RETURN_IF_ERROR(
      GroupFilter::Compile(options.include, options.exclude).status());
  ASSIGN_OR_RETURN(options.keep, FromProto(proto.keep()));
  ASSIGN_OR_RETURN(
      options.time_zone,
      TimeZoneFromProto("keep.time_zone", proto.keep().time_zone()));
  if (proto.has_trash_time()) {
    ASSIGN_OR_RETURN(options.trash_time,
                     DurationFromProto("trash_time", proto.trash_time()));
    if (*options.trash_time > kMaxTrashTime) {
      return absl::InvalidArgumentError(absl::StrCat(
          "trash_time is ", absl::FormatDuration(*options.trash_time),
          ", at most ", absl::FormatDuration(kMaxTrashTime), " is allowed"));
    }
  }
  RETURN_IF_ERROR(
      CheckAtMost("max_share_percent", proto.max_share_percent(), 100));
  options.guards = {.allow_last_good = proto.allow_last_good(),
                    .confirm_clock = proto.confirm_clock(),
                    .allow_share = proto.allow_share(),
                    .max_share_percent = proto.max_share_percent() == 0
                                             ? kDefaultMaxSharePercent
                                             : proto.max_share_percent()};
  RETURN_IF_ERROR(CheckPlanHash(proto.plan_hash()));
  options.plan_hash = proto.plan_hash();
  options.validate_only = proto.validate_only();
  return options;
}

absl::StatusOr<DecodedOptions> FromProto(const v1::TaskOptions& proto) {
  DecodedOptions decoded;
  switch (proto.options_case()) {
    case v1::TaskOptions::kPrune: {
      ASSIGN_OR_RETURN(PruneRunOptions prune, FromProto(proto.prune()));
      decoded.kind = TaskKind::kPrune;
      decoded.datastore = prune.scope.datastore();
      decoded.options = std::move(prune);
      break;
    }
    case v1::TaskOptions::kGc: {
      ASSIGN_OR_RETURN(GcRunOptions gc, GcFromProto(proto.gc()));
      decoded.kind = TaskKind::kGc;
      decoded.datastore = gc.datastore;
      decoded.options = std::move(gc);
      break;
    }
    case v1::TaskOptions::kVerify: {
      ASSIGN_OR_RETURN(VerifyRunOptions verify,
                       VerifyFromProto(proto.verify()));
      decoded.kind = TaskKind::kVerify;
      decoded.datastore = verify.scope.datastore();
      decoded.options = std::move(verify);
      break;
    }
    case v1::TaskOptions::OPTIONS_NOT_SET:
      return absl::InvalidArgumentError(
          "options has none of prune, gc and verify");
  }
  // What this release does not know it does not do: a repetition without it
  // is the same start.
  v1::TaskOptions known = proto;
  known.DiscardUnknownFields();
  decoded.bytes = known.SerializeAsString();
  return decoded;
}

std::string ResourceOf(std::string_view datastore, std::string_view options) {
  std::string whole = absl::StrCat("datastores/", datastore);
  v1::TaskOptions proto;
  if (!proto.ParseFromArray(options.data(), static_cast<int>(options.size()))) {
    return whole;
  }
  if (proto.has_prune()) return proto.prune().scope();
  if (proto.has_verify()) return proto.verify().scope();
  return whole;
}

absl::StatusOr<RunOptions> ProtoTaskCodec::DecodeOptions(
    TaskKind kind, std::string_view options) const {
  v1::TaskOptions proto;
  if (!proto.ParseFromArray(options.data(), static_cast<int>(options.size()))) {
    return absl::InvalidArgumentError("the options cannot be parsed");
  }
  ASSIGN_OR_RETURN(DecodedOptions decoded, FromProto(proto));
  if (decoded.kind != kind) {
    return absl::InvalidArgumentError(
        absl::StrCat("the options are of kind ", TaskKindName(decoded.kind),
                     ", the task is of kind ", TaskKindName(kind)));
  }
  return std::move(decoded.options);
}

std::string ProtoTaskCodec::EncodeResult(const RunResult& result) const {
  return ToProto(result).SerializeAsString();
}

}  // namespace cairn::maintenance
