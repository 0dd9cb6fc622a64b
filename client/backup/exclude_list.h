#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace cairn::client {

// Which entries of a tree are left out. A pattern is a shell wildcard (*, ?,
// [...]); without a slash it matches a name at any depth, with one the path
// from the top of the tree, where * does not match a slash. A slash at the
// beginning changes nothing else, and one at the end matches directories
// only. What is below a directory that matches is left out with it.
class ExcludeList {
 public:
  static constexpr size_t kMaxPatterns = 1000;

  // InvalidArgument: too many patterns, or an empty one.
  static absl::StatusOr<ExcludeList> Create(
      const std::vector<std::string>& patterns);

  // `path`: relative to the top, without "./", e.g. "var/cache".
  bool Matches(const std::string& path, bool is_directory) const;

 private:
  struct Pattern {
    std::string text;
    bool whole_path = false;
    bool directories_only = false;
  };
  std::vector<Pattern> patterns_;
};

}  // namespace cairn::client
