#pragma once

#include <cstddef>
#include <set>
#include <tuple>
#include <vector>

#include "common/model/mark.h"
#include "common/model/record.h"

namespace cairn::maintenance {

// Records that cannot be had, as marks, each once. Bounded: what is above the
// bound is left out, and full() tells. Not thread-safe.
class BadRecords {
 public:
  explicit BadRecords(size_t limit) : limit_(limit) {}

  // Events are left out: nothing refers to them.
  void Add(const RecordKey& key);
  void Add(const MarkRun& run);

  size_t size() const { return marks_.size(); }
  bool full() const { return full_; }

  // All of them in order of key, in parts of at most `marks_per_part` marks.
  std::vector<std::vector<MarkRun>> Parts(size_t marks_per_part) const;

 private:
  using Key = std::tuple<RecordKind, Domain, uint64_t>;
  void Add(const Key& key);

  const size_t limit_;
  std::set<Key> marks_;
  bool full_ = false;
};

}  // namespace cairn::maintenance
