#include "common/server/health_board.h"

namespace cairn {

void HealthBoard::Set(const std::string& name, bool serving) {
  std::vector<std::shared_ptr<Watcher>> told;
  {
    absl::MutexLock lock(&mutex_);
    const auto [entry, added] = serving_.try_emplace(name, serving);
    if (!added && entry->second == serving) return;
    entry->second = serving;
    for (const std::weak_ptr<Watcher>& watcher : watchers_) {
      if (auto alive = watcher.lock()) told.push_back(std::move(alive));
    }
  }
  for (const std::shared_ptr<Watcher>& watcher : told) watcher->OnChange();
}

std::optional<bool> HealthBoard::Get(std::string_view name) const {
  absl::MutexLock lock(&mutex_);
  const auto found = serving_.find(name);
  if (found == serving_.end()) return std::nullopt;
  return found->second;
}

bool HealthBoard::Watch(const std::shared_ptr<Watcher>& watcher) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(watchers_, [](const std::weak_ptr<Watcher>& known) {
    return known.expired();
  });
  if (watchers_.size() >= kMaxWatchers) return false;
  watchers_.push_back(watcher);
  return true;
}

}  // namespace cairn
