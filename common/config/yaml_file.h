#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace cairn {

// One entry of a configuration file.
struct YamlEntry {
  std::string key;
  std::vector<std::string> values;  // one, or those of a list
  bool is_list = false;
  int line = 0;  // 1..
};

// Reads a YAML mapping from names to values or lists of values.
// InvalidArgument, with file and line: not YAML, nested deeper, a key twice,
// an alias or anchor, or longer than 1 MiB. NotFound: no such file.
absl::StatusOr<std::vector<YamlEntry>> ReadYamlFile(const std::string& path);

}  // namespace cairn
