#include "services/index/engine/page_cache.h"

namespace cairn::index {

std::optional<std::string> PageCache::Find(const std::string& key) {
  absl::MutexLock lock(&mutex_);
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) return std::nullopt;
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->second;
}

void PageCache::Insert(const std::string& key, std::string page) {
  Entry entry(key, std::move(page));
  absl::MutexLock lock(&mutex_);
  if (SizeOf(entry) > max_bytes_ || by_key_.contains(key)) return;
  while (bytes_ + SizeOf(entry) > max_bytes_) {
    bytes_ -= SizeOf(entries_.back());
    by_key_.erase(entries_.back().first);
    entries_.pop_back();
  }
  bytes_ += SizeOf(entry);
  entries_.push_front(std::move(entry));
  by_key_.emplace(key, entries_.begin());
}

size_t PageCache::bytes() const {
  absl::MutexLock lock(&mutex_);
  return bytes_;
}

}  // namespace cairn::index
