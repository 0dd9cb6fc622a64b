#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace cairn::client {

// What went wrong with single files of a run that went on: each text names
// the file. Counts all, keeps the first kMaxKept. One thread.
class ProblemLog {
 public:
  static constexpr size_t kMaxKept = 1000;

  void Add(std::string text) {
    ++count_;
    if (texts_.size() < kMaxKept) texts_.push_back(std::move(text));
  }
  // What was told is done again, from the start.
  void Clear() {
    count_ = 0;
    texts_.clear();
  }
  uint64_t count() const { return count_; }
  const std::vector<std::string>& texts() const { return texts_; }

 private:
  uint64_t count_ = 0;
  std::vector<std::string> texts_;
};

}  // namespace cairn::client
