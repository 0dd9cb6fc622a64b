#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace cairn {

// What health checks answer: names and whether they serve. Thread-safe.
class HealthBoard {
 public:
  // Told after a change, without a lock of the board; it asks Get then.
  class Watcher {
   public:
    virtual ~Watcher() = default;
    virtual void OnChange() = 0;
  };
  static constexpr size_t kMaxWatchers = 1024;

  void Set(const std::string& name, bool serving);
  // Empty if the name was never set.
  std::optional<bool> Get(std::string_view name) const;

  // False: there are kMaxWatchers already. The board forgets a watcher that
  // nobody else holds.
  bool Watch(const std::shared_ptr<Watcher>& watcher);

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, bool, std::less<>> serving_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::weak_ptr<Watcher>> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
