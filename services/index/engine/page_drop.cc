#include "services/index/engine/page_drop.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/kv/kv_store.h"
#include "common/model/digest.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"

namespace cairn::index {
namespace {

constexpr uint32_t kMaxPagesPerCall = 1'000'000;
// Under the gate at one time: a few milliseconds.
constexpr size_t kPagesPerBatch = 1024;

// Goes on along the marks of pages to the first one not below `prefix`, and
// says whether it is it.
absl::StatusOr<bool> IsMarked(uint64_t prefix, PageDropPosition& position) {
  while (true) {
    if (position.run.has_value()) {
      const std::vector<Mark>& marks = position.run->marks;
      while (position.next_mark < marks.size() &&
             marks[position.next_mark].prefix < prefix) {
        ++position.next_mark;
      }
      if (position.next_mark < marks.size()) {
        return marks[position.next_mark].prefix == prefix;
      }
    }
    ASSIGN_OR_RETURN(position.run, position.marks->Next());
    position.next_mark = 0;
    // Behind the pages are manifests.
    if (!position.run.has_value() || position.run->kind != RecordKind::kPage) {
      position.run = MarkRun{};
      return false;
    }
  }
}

}  // namespace

absl::StatusOr<DroppedPages> PageDrop::Drop(Sweep& sweep, uint32_t max_pages,
                                            bool dry_run) {
  if (max_pages == 0 || max_pages > kMaxPagesPerCall) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_pages is ", max_pages, ", allowed are 1..", kMaxPagesPerCall));
  }
  const std::string prefix = DatastorePrefix(sweep.datastore->info.ref.uuid);
  absl::MutexLock lock(&sweep.mutex);
  RETURN_IF_ERROR(sweep.CheckNotLost());
  if (sweep.marks == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat("sweep ", sweep.token, " has not been marked yet"));
  }
  dry_run |= sweep.validate_only;
  if (!dry_run && !sweep.told_all) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the events of what is gone have not been listed to their end in "
        "sweep ",
        sweep.token));
  }
  PageDropPosition& position = sweep.drop;
  if (position.marks == nullptr || position.dry_run != dry_run) {
    position = {.dry_run = dry_run, .next_key = prefix};
    position.marks = SortedMarks::NewStream(sweep.marks);
  }
  DroppedPages answer{.done = position.done};
  if (position.done) return answer;
  // After an error the marks may be anywhere: from the start again.
  PageDropPosition going = std::exchange(position, {});
  std::vector<Unmarked> unmarked;
  const auto cursor =
      sweep.view.Scan(Table::kPages, going.next_key, PrefixEnd(prefix));
  uint32_t looked_at = 0;
  for (; cursor->Valid() && looked_at < max_pages; cursor->Next()) {
    ++looked_at;
    const std::string_view key = cursor->key();
    const auto page = Digest::FromBytes(key.substr(prefix.size()));
    if (!page.ok()) return DamagedRow(Table::kPages, key, page.status());
    going.next_key = absl::StrCat(key, std::string_view("\0", 1));
    ASSIGN_OR_RETURN(const bool marked, IsMarked(MarkPrefix(*page), going));
    if (!marked) {
      unmarked.push_back({.page = *page, .bytes = cursor->value().size()});
    }
    if (unmarked.size() < kPagesPerBatch) continue;
    RETURN_IF_ERROR(DropUnmarked(sweep, unmarked, dry_run, answer));
    unmarked.clear();
  }
  RETURN_IF_ERROR(cursor->status());
  RETURN_IF_ERROR(DropUnmarked(sweep, unmarked, dry_run, answer));
  answer.done = going.done = !cursor->Valid();
  position = std::move(going);
  return answer;
}

absl::Status PageDrop::DropUnmarked(Sweep& sweep,
                                    std::span<const Unmarked> pages,
                                    bool dry_run, DroppedPages& answer) {
  if (pages.empty()) return absl::OkStatus();
  DatastoreState& state = *sweep.datastore;
  IndexBatch batch(state.info.ref.uuid);
  uint64_t dropped = 0;
  uint64_t dropped_bytes = 0;
  uint64_t spared = 0;
  {
    absl::MutexLock lock(&state.gate);
    RETURN_IF_ERROR(sweep.CheckHighest());
    {
      absl::MutexLock touch_lock(&state.touch_mutex);
      for (const Unmarked& one : pages) {
        if (state.touches.Get(one.page) >= sweep.cut) {
          ++spared;
          continue;
        }
        batch.RemovePage(one.page);
        ++dropped;
        dropped_bytes += one.bytes;
      }
    }
    if (!dry_run && dropped > 0) {
      batch.PassGate();
      // Not synced: what a power cut brings back is dropped by the next sweep.
      RETURN_IF_ERROR(store_->Commit(batch, Durability::kBuffered));
      metrics_->dropped_pages.Increment(static_cast<double>(dropped));
      metrics_->dropped_page_bytes.Increment(
          static_cast<double>(dropped_bytes));
    }
  }
  answer.dropped += dropped;
  answer.dropped_bytes += dropped_bytes;
  answer.spared += spared;
  return absl::OkStatus();
}

}  // namespace cairn::index
