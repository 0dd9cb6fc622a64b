#include "client/backup/exclude_list.h"

#include <fnmatch.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace cairn::client {

absl::StatusOr<ExcludeList> ExcludeList::Create(
    const std::vector<std::string>& patterns) {
  if (patterns.size() > kMaxPatterns) {
    return absl::InvalidArgumentError(absl::StrCat(
        patterns.size(), " exclude patterns, allowed are ", kMaxPatterns));
  }
  ExcludeList list;
  for (const std::string& given : patterns) {
    Pattern pattern = {.text = given};
    if (absl::EndsWith(pattern.text, "/")) {
      pattern.directories_only = true;
      pattern.text.pop_back();
    }
    pattern.whole_path = absl::StrContains(pattern.text, '/');
    if (absl::StartsWith(pattern.text, "/")) pattern.text.erase(0, 1);
    if (pattern.text.empty()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "exclude pattern \"", given,
          "\" matches nothing; give a name such as *.tmp or a path such as "
          "/var/cache"));
    }
    list.patterns_.push_back(std::move(pattern));
  }
  return list;
}

bool ExcludeList::Matches(const std::string& path, bool is_directory) const {
  const size_t slash = path.rfind('/');
  const char* name =
      path.c_str() + (slash == std::string::npos ? 0 : slash + 1);
  for (const Pattern& pattern : patterns_) {
    if (pattern.directories_only && !is_directory) continue;
    const char* subject = pattern.whole_path ? path.c_str() : name;
    const int flags = pattern.whole_path ? FNM_PATHNAME : 0;
    if (fnmatch(pattern.text.c_str(), subject, flags) == 0) return true;
  }
  return false;
}

}  // namespace cairn::client
