#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/names.h"

namespace re2 {
class RE2;
}  // namespace re2

namespace cairn::maintenance {

inline constexpr size_t kMaxGroupFilterLength = 256;
// Of all patterns of a filter together, compiled.
inline constexpr int64_t kMaxPatternMemory = int64_t{1} << 20;

// Which groups a run is about, by rules as the group filters of PBS:
//   type:vm            all of a type
//   group:host/web1    one of them, in every namespace
//   regex:^vm/1        whose type and id match; anywhere unless anchored
// A group passes if it matches one of `include`, if there are any, and none
// of `exclude`. Matching takes time linear in the name (RE2), whatever the
// pattern. Thread-safe.
class GroupFilter {
 public:
  // At most kMaxGroupFilters rules each. InvalidArgument names the rule.
  static absl::StatusOr<GroupFilter> Compile(
      const std::vector<std::string>& include,
      const std::vector<std::string>& exclude);
  GroupFilter(GroupFilter&&) noexcept;
  GroupFilter& operator=(GroupFilter&&) noexcept;
  ~GroupFilter();

  bool Passes(const GroupName& group) const;

 private:
  // One of the three is set.
  struct Rule {
    std::string type;
    std::string group;
    std::unique_ptr<re2::RE2> pattern;
  };

  GroupFilter();
  static absl::StatusOr<Rule> CompileRule(const std::string& text,
                                          int64_t max_memory);
  static bool Matches(const Rule& rule, const GroupName& group);

  std::vector<Rule> include_;
  std::vector<Rule> exclude_;
};

}  // namespace cairn::maintenance
