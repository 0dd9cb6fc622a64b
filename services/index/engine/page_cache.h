#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"

namespace cairn::index {

// The encoded pages that were read last, by their keys, in bounded memory.
// Holds bytes, not proofs: whoever uses a page proves its digest. Thread-safe.
class PageCache {
 public:
  // Bytes of keys and pages.
  explicit PageCache(size_t max_bytes) : max_bytes_(max_bytes) {}

  std::optional<std::string> Find(const std::string& key);
  // Drops the pages that were not used for longest to make room; a page that
  // is larger than the cache is not kept.
  void Insert(const std::string& key, std::string page);

  size_t bytes() const;

 private:
  using Entry = std::pair<std::string, std::string>;  // key, page
  static size_t SizeOf(const Entry& entry) {
    return entry.first.size() + entry.second.size();
  }

  const size_t max_bytes_;
  mutable absl::Mutex mutex_;
  std::list<Entry> entries_ ABSL_GUARDED_BY(mutex_);  // used last first
  absl::flat_hash_map<std::string, std::list<Entry>::iterator> by_key_
      ABSL_GUARDED_BY(mutex_);
  size_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn::index
