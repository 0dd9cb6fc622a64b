#include "services/index/engine/mark_walk.h"

#include <array>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256_batch.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/engine/page_reader.h"

namespace cairn::index {
namespace {

// Pages that are hashed side by side: what fits into a processor's cache.
constexpr size_t kPagesPerBatch = 64;
constexpr size_t kBytesPerBatch = size_t{1} << 20;

absl::Status Damaged(const Digest& page, std::string_view what) {
  return WithReason(
      absl::DataLossError(absl::StrCat("page ", page.ToHex(), ": ", what)),
      reason::kRecordDamaged);
}

// As operator==, which costs a call.
bool IsSame(const Domain& a, const Domain& b) {
  uint64_t left[2];
  uint64_t right[2];
  static_assert(sizeof(left) == sizeof(Domain));
  std::memcpy(left, a.bytes.data(), sizeof(left));
  std::memcpy(right, b.bytes.data(), sizeof(right));
  return left[0] == right[0] && left[1] == right[1];
}

// Hands runs of marks of one domain to a sorter.
class ChunkMarks {
 public:
  ChunkMarks(MarkSorter* sorter, MarkHolder holder, WorkTick tick)
      : sorter_(sorter), holder_(holder), tick_(tick) {}

  absl::Status Add(const Domain& domain, uint64_t prefix) {
    if (count_ == prefixes_.size() ||
        (count_ > 0 && !IsSame(domain, domain_))) {
      RETURN_IF_ERROR(Flush());
    }
    domain_ = domain;
    prefixes_[count_++] = prefix;
    return absl::OkStatus();
  }
  absl::Status Flush() {
    if (count_ == 0) return absl::OkStatus();
    const std::span<const uint64_t> all(prefixes_.data(),
                                        std::exchange(count_, 0));
    return sorter_->Add(RecordKind::kChunk, domain_, holder_, all, tick_);
  }

 private:
  MarkSorter* const sorter_;
  const MarkHolder holder_;
  const WorkTick tick_;
  Domain domain_;
  std::array<uint64_t, kMaxPageEntries> prefixes_;
  size_t count_ = 0;
};

}  // namespace

std::unique_ptr<MarkStream> WalkedMarks::NewStream() const {
  return JoinMarks(SortedMarks::NewStream(chunks),
                   SortedMarks::NewStream(records));
}

MarkWalk::MarkWalk(const Options& options, const IndexView* view,
                   const Uuid& datastore, RunDirectory* directory, Tick tick)
    : view_(view),
      datastore_(datastore),
      tick_(tick),
      chunks_({.memory_bytes = options.chunk_memory_bytes}, directory),
      records_({.memory_bytes = options.record_memory_bytes}, directory),
      queue_(options.page_memory_bytes, directory) {}

absl::Status MarkWalk::AddPage(uint32_t level, const Digest& page,
                               MarkHolder holder) {
  if (level > kMaxPageLevel) {
    return Damaged(page, absl::StrCat("its level is ", level,
                                      ", allowed are 0..", kMaxPageLevel));
  }
  return queue_.Add(level, page, holder, [this] { return tick_(progress_); });
}

absl::Status MarkWalk::AddChunk(const Domain& domain, const Digest& chunk,
                                MarkHolder holder) {
  const uint64_t prefix = MarkPrefix(chunk);
  ++progress_.references;
  return chunks_.Add(RecordKind::kChunk, domain, holder, {&prefix, 1},
                     [this] { return tick_(progress_); });
}

absl::Status MarkWalk::AddManifest(const Digest& manifest, MarkHolder holder) {
  const uint64_t prefix = MarkPrefix(manifest);
  return records_.Add(RecordKind::kManifest, Domain{}, holder, {&prefix, 1},
                      [this] { return tick_(progress_); });
}

absl::Status MarkWalk::AddSnapshot(const std::vector<Archive>& archives,
                                   const Digest& manifest, MarkHolder holder) {
  ++progress_.snapshots;
  for (const Archive& archive : archives) {
    RETURN_IF_ERROR(AddPage(archive.root.level, archive.root.page, holder));
    progress_.logical_bytes += archive.root.size_bytes;
  }
  RETURN_IF_ERROR(AddManifest(manifest, holder));
  return tick_(progress_);
}

absl::StatusOr<WalkedMarks> MarkWalk::Run() {
  for (uint32_t level = kMaxPageLevel + 1; level-- > 0;) {
    RETURN_IF_ERROR(WalkLevel(level));
  }
  const auto tick = [this] { return tick_(progress_); };
  WalkedMarks marks;
  ASSIGN_OR_RETURN(marks.records, records_.Finish(tick));
  ASSIGN_OR_RETURN(marks.chunks, chunks_.Finish(tick));
  progress_.marks = marks.records->count() + marks.chunks->count();
  marks.progress = progress_;
  return marks;
}

absl::Status MarkWalk::WalkLevel(uint32_t level) {
  ASSIGN_OR_RETURN(PageLevel pages,
                   queue_.Take(level, [this] { return tick_(progress_); }));
  AscendingPageReader reader(view_, datastore_);
  Batch batch;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<QueuedPage> page, pages.Next());
    if (page.has_value()) {
      ASSIGN_OR_RETURN(std::string bytes, reader.Read(page->key));
      batch.size_bytes += bytes.size();
      batch.pages.push_back(*page);
      batch.bytes.push_back(std::move(bytes));
    }
    if (batch.pages.size() < kPagesPerBatch &&
        batch.size_bytes < kBytesPerBatch && page.has_value()) {
      continue;
    }
    RETURN_IF_ERROR(Visit(level, batch));
    batch = {};
    RETURN_IF_ERROR(tick_(progress_));
    if (!page.has_value()) return absl::OkStatus();
  }
}

absl::Status MarkWalk::Visit(uint32_t level, const Batch& batch) {
  const std::vector<std::string_view> messages(batch.bytes.begin(),
                                               batch.bytes.end());
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  for (size_t i = 0; i < digests.size(); ++i) {
    const QueuedPage& page = batch.pages[i];
    if (digests[i] != page.key) {
      return Damaged(page.key,
                     absl::StrCat("the digest of its ", messages[i].size(),
                                  " bytes is ", digests[i].ToHex()));
    }
    RETURN_IF_ERROR(MarkPage(level, page, messages[i]));
  }
  return absl::OkStatus();
}

absl::Status MarkWalk::MarkPage(uint32_t level, const QueuedPage& page,
                                std::string_view bytes) {
  const auto tick = [this] { return tick_(progress_); };
  ++progress_.pages;
  const uint64_t prefix = MarkPrefix(page.key);
  RETURN_IF_ERROR(records_.Add(RecordKind::kPage, Domain{}, page.holder,
                               {&prefix, 1}, tick));
  const absl::StatusOr<Page> decoded = DecodePage(bytes);
  if (!decoded.ok()) return Damaged(page.key, decoded.status().message());
  if (decoded->level != level) {
    return Damaged(page.key, absl::StrCat("its level is ", decoded->level,
                                          ", its parent says ", level));
  }
  for (const PageChild& child : decoded->children) {
    RETURN_IF_ERROR(queue_.Add(level - 1, child.page, page.holder, tick));
  }
  ChunkMarks marks(&chunks_, page.holder, tick);
  for (const ChunkEntry& entry : decoded->entries) {
    if (entry.is_hole) continue;
    ++progress_.references;
    RETURN_IF_ERROR(marks.Add(entry.domain, MarkPrefix(entry.digest)));
  }
  return marks.Flush();
}

}  // namespace cairn::index
