#include "services/maintenance/domain/group_filter.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "re2/re2.h"
#include "services/maintenance/domain/run_options.h"

namespace cairn::maintenance {
namespace {

absl::Status BadRule(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("group filter \"", absl::Utf8SafeCEscape(text), "\": ", why,
                   "; allowed are type:vm, group:host/web1 and regex:^vm/1"));
}

}  // namespace

GroupFilter::GroupFilter() = default;
GroupFilter::GroupFilter(GroupFilter&&) noexcept = default;
GroupFilter& GroupFilter::operator=(GroupFilter&&) noexcept = default;
GroupFilter::~GroupFilter() = default;

absl::StatusOr<GroupFilter::Rule> GroupFilter::CompileRule(
    const std::string& text, int64_t max_memory) {
  if (text.size() > kMaxGroupFilterLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("group filter is ", text.size(), " bytes long, at most ",
                     kMaxGroupFilterLength, " are allowed"));
  }
  Rule rule;
  absl::string_view rest = text;
  if (absl::ConsumePrefix(&rest, "type:")) {
    const auto type = ParseBackupType(rest);
    if (!type.ok()) return BadRule(text, type.status().message());
    rule.type = std::string(BackupTypeName(*type));
  } else if (absl::ConsumePrefix(&rest, "group:")) {
    // The short name of a group is what follows "groups/" in a full one.
    const auto group = GroupName::Parse(
        absl::StrCat("datastores/any/groups/", std::string_view(rest)));
    if (!group.ok()) return BadRule(text, "names no group");
    rule.group = group->ShortName();
  } else if (absl::ConsumePrefix(&rest, "regex:")) {
    re2::RE2::Options options;
    options.set_max_mem(max_memory);
    options.set_log_errors(false);
    rule.pattern = std::make_unique<re2::RE2>(
        re2::StringPiece(rest.data(), rest.size()), options);
    if (!rule.pattern->ok()) return BadRule(text, rule.pattern->error());
  } else {
    return BadRule(text, "has no known kind");
  }
  return rule;
}

absl::StatusOr<GroupFilter> GroupFilter::Compile(
    const std::vector<std::string>& include,
    const std::vector<std::string>& exclude) {
  GroupFilter filter;
  const size_t count = std::max(include.size(), exclude.size());
  if (count > kMaxGroupFilters) {
    return absl::InvalidArgumentError(
        absl::StrCat(count, " group filters were given, at most ",
                     kMaxGroupFilters, " of a side are allowed"));
  }
  const int64_t memory =
      kMaxPatternMemory / static_cast<int64_t>(std::max<size_t>(
                              include.size() + exclude.size(), 1));
  for (const std::string& text : include) {
    ASSIGN_OR_RETURN(Rule rule, CompileRule(text, memory));
    filter.include_.push_back(std::move(rule));
  }
  for (const std::string& text : exclude) {
    ASSIGN_OR_RETURN(Rule rule, CompileRule(text, memory));
    filter.exclude_.push_back(std::move(rule));
  }
  return filter;
}

bool GroupFilter::Matches(const Rule& rule, const GroupName& group) {
  if (rule.pattern != nullptr) {
    return re2::RE2::PartialMatch(group.ShortName(), *rule.pattern);
  }
  return rule.type.empty() ? group.ShortName() == rule.group
                           : BackupTypeName(group.type) == rule.type;
}

bool GroupFilter::Passes(const GroupName& group) const {
  const auto matches = [&group](const Rule& rule) {
    return Matches(rule, group);
  };
  return (include_.empty() ||
          std::any_of(include_.begin(), include_.end(), matches)) &&
         std::none_of(exclude_.begin(), exclude_.end(), matches);
}

}  // namespace cairn::maintenance
