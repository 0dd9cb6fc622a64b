#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace cairn::simulator {

// What happened in a run, in order: a hash of all lines, and the last of them
// if they are kept.
class Trace {
 public:
  explicit Trace(size_t kept_lines) : kept_lines_(kept_lines) {}

  bool keeps() const { return kept_lines_ > 0; }
  // `detail` is kept with the line and is not part of the hash.
  void Add(absl::Duration time, std::string_view line,
           std::string_view detail = "");
  uint64_t hash() const { return hash_; }
  const std::deque<std::string>& lines() const { return lines_; }

 private:
  const size_t kept_lines_;
  uint64_t hash_ = 0xcbf29ce484222325;
  std::deque<std::string> lines_;
};

}  // namespace cairn::simulator
