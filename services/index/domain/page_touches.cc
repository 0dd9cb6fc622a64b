#include "services/index/domain/page_touches.h"

#include <algorithm>
#include <cstring>

namespace cairn::index {
namespace {

uint64_t ShortId(const Digest& page) {
  uint64_t id = 0;
  std::memcpy(&id, page.bytes.data(), sizeof(id));
  return id;
}

}  // namespace

void PageTouches::Raise(const Digest& page, uint64_t epoch) {
  if (epoch <= floor_) return;
  const auto known = epochs_.find(ShortId(page));
  if (known != epochs_.end()) {
    known->second = std::max(known->second, epoch);
    return;
  }
  if (epochs_.size() >= max_pages_) {
    // Coarsen: everything counts as touched by the newest session.
    floor_ = epoch;
    for (const auto& [id, touched] : epochs_) {
      floor_ = std::max(floor_, touched);
    }
    epochs_.clear();
    return;
  }
  epochs_.emplace(ShortId(page), epoch);
}

uint64_t PageTouches::Get(const Digest& page) const {
  const auto known = epochs_.find(ShortId(page));
  return known == epochs_.end() ? floor_ : known->second;
}

void PageTouches::DiscardBelow(uint64_t fence) {
  absl::erase_if(epochs_,
                 [fence](const auto& item) { return item.second < fence; });
}

}  // namespace cairn::index
