#include "services/index/storage/page_queue.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/status/status_macros.h"

namespace cairn::index {
namespace {

constexpr size_t kDigestBytes = sizeof(Digest);
constexpr size_t kPageBytes = kDigestBytes + 1;
constexpr size_t kPagesPerBlock = 1024;
// What a page takes in a table that is about to grow, and once more in the
// one that it is copied to.
constexpr size_t kBytesPerPage = 96;

// A source of pages in memory.
class SortedPages {
 public:
  using Entry = QueuedPage;

  explicit SortedPages(std::vector<QueuedPage> pages)
      : pages_(std::move(pages)) {}
  bool Next() { return ++next_ <= pages_.size(); }
  const QueuedPage& entry() const { return pages_[next_ - 1]; }
  absl::Status status() const { return absl::OkStatus(); }

 private:
  const std::vector<QueuedPage> pages_;
  size_t next_ = 0;
};

}  // namespace

bool PageCodec::Writer::Add(const QueuedPage& page) {
  if (block_.size() == kPagesPerBlock * kPageBytes) return false;
  block_.append(page.key.view());
  block_.push_back(static_cast<char>(page.holder));
  return true;
}

std::string PageCodec::Writer::Take() { return std::exchange(block_, {}); }

bool PageCodec::Reader::Load(std::string block) {
  block_ = std::move(block);
  next_ = 0;
  return !block_.empty() && block_.size() % kPageBytes == 0;
}

bool PageCodec::Reader::Next(QueuedPage& page) {
  if (next_ == block_.size()) return false;
  std::memcpy(page.key.bytes.data(), block_.data() + next_, kDigestBytes);
  page.holder = static_cast<MarkHolder>(block_[next_ + kDigestBytes]);
  next_ += kPageBytes;
  return true;
}

absl::StatusOr<std::optional<QueuedPage>> PageLevel::Next() {
  if (!run_.has_value()) {
    if (next_ == pages_.size()) return std::nullopt;
    return pages_[next_++];
  }
  if (run_->Next()) return run_->entry();
  RETURN_IF_ERROR(run_->status());
  return std::nullopt;
}

PageQueue::PageQueue(size_t memory_bytes, RunDirectory* directory)
    : max_pages_(std::max<size_t>(memory_bytes / kBytesPerPage, 1)),
      directory_(directory) {
  for (uint32_t level = 0; level <= kMaxPageLevel; ++level) {
    runs_.emplace_back(directory_);
  }
}

absl::Status PageQueue::Add(uint32_t level, const Digest& page,
                            MarkHolder holder, WorkTick tick) {
  const auto [known, added] = pages_[level].emplace(page, holder);
  if (!added) {
    known->second = std::min(known->second, holder);
    return absl::OkStatus();
  }
  if (++count_ <= max_pages_) return absl::OkStatus();
  return SpillLargest(tick);
}

std::vector<QueuedPage> PageQueue::Sorted(Pages& pages) {
  std::vector<QueuedPage> sorted;
  sorted.reserve(pages.size());
  for (const auto& [page, holder] : pages) {
    sorted.push_back({.key = page, .holder = holder});
  }
  // Gives its memory back, which clear() keeps.
  Pages().swap(pages);
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.key < b.key; });
  return sorted;
}

absl::Status PageQueue::SpillLargest(WorkTick tick) {
  const auto largest = std::max_element(
      pages_.begin(), pages_.end(),
      [](const auto& a, const auto& b) { return a.size() < b.size(); });
  return Spill(static_cast<uint32_t>(largest - pages_.begin()), tick);
}

absl::Status PageQueue::Spill(uint32_t level, WorkTick tick) {
  count_ -= pages_[level].size();
  SortedPages source(Sorted(pages_[level]));
  return runs_[level].Add(source, tick);
}

absl::StatusOr<PageLevel> PageQueue::Take(uint32_t level, WorkTick tick) {
  if (runs_[level].empty()) {
    count_ -= pages_[level].size();
    return PageLevel(Sorted(pages_[level]));
  }
  if (!pages_[level].empty()) RETURN_IF_ERROR(Spill(level, tick));
  ASSIGN_OR_RETURN(auto run, runs_[level].TakeMerged(tick));
  return PageLevel(std::move(run));
}

}  // namespace cairn::index
