#include "services/index/engine/reference_finder.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/page/page.h"
#include "common/page/page_walk.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::index {
namespace {

// Pages that are remembered, at most 75 bytes each. Inner ones, each of which
// stands for hundreds below it, have room of their own.
constexpr size_t kMaxWholeLeaves = 250000;
constexpr size_t kMaxWholeInner = 100000;

// Whether the page is to blame, and not the database.
bool IsLoss(const absl::Status& status) {
  return HasReason(status, reason::kRecordMissing) || absl::IsDataLoss(status);
}

}  // namespace

absl::StatusOr<ReferenceFinder> ReferenceFinder::Create(
    const IndexView* view, const std::vector<MarkRun>& records,
    uint32_t max_ranges, Tick tick) {
  if (max_ranges == 0 || max_ranges > kMaxFoundRanges) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_ranges is ", max_ranges, ", allowed are 1..", kMaxFoundRanges));
  }
  ReferenceFinder finder(view, max_ranges, tick);
  for (const MarkRun& run : records) {
    for (const Mark& mark : run.marks) {
      finder.lost_.insert(MarkKey(run.kind, run.domain, mark.prefix));
    }
    if (finder.lost_.size() > kMaxLostRecords) {
      return absl::InvalidArgumentError(absl::StrCat(
          "records has more than the ", kMaxLostRecords, " that are allowed"));
    }
  }
  return finder;
}

bool ReferenceFinder::IsKnownWhole(uint32_t level, const Digest& page) const {
  return (level == 0 ? whole_leaves_ : whole_inner_).contains(page);
}

void ReferenceFinder::RememberWhole(uint32_t level, const Digest& page) {
  if (level == 0) {
    if (whole_leaves_.size() < kMaxWholeLeaves) whole_leaves_.insert(page);
  } else {
    if (whole_inner_.size() < kMaxWholeInner) whole_inner_.insert(page);
  }
}

void ReferenceFinder::AddLoss(const std::string& archive, uint64_t offset,
                              uint64_t length, uint64_t hole_bytes,
                              DamagedSnapshot& damaged) {
  damaged.damaged_bytes += length - hole_bytes;
  std::vector<DamagedRange>& ranges = damaged.ranges;
  if (!ranges.empty() && ranges.back().archive == archive &&
      ranges.back().offset + ranges.back().length == offset) {
    ranges.back().length += length;
  } else if (ranges.size() < max_ranges_) {
    ranges.push_back({.archive = archive, .offset = offset, .length = length});
  }
}

absl::StatusOr<bool> ReferenceFinder::Visit(uint32_t level,
                                            const PageChild& expected,
                                            uint64_t offset,
                                            const std::string& archive,
                                            DamagedSnapshot& damaged) {
  if (IsLost(RecordKind::kPage, Domain{}, expected.page)) return false;
  if (IsKnownWhole(level, expected.page)) return true;
  RETURN_IF_ERROR(tick_());
  absl::Status read;
  const auto source = [&](const Digest& id) -> absl::StatusOr<std::string> {
    absl::StatusOr<std::optional<std::string>> bytes = view_->GetPage(id);
    read = bytes.status();
    RETURN_IF_ERROR(read);
    if (bytes->has_value()) return **std::move(bytes);
    return WithReason(absl::DataLossError("is not stored"),
                      reason::kRecordMissing);
  };
  const absl::StatusOr<Page> page = FetchPage(expected, level, source);
  // Of the database itself: nobody knows what it would have said.
  RETURN_IF_ERROR(read);
  if (!page.ok()) {
    if (IsLoss(page.status())) return false;
    return page.status();
  }
  const uint64_t before = damaged.damaged_bytes;
  for (const ChunkEntry& entry : page->entries) {
    if (!entry.is_hole &&
        IsLost(RecordKind::kChunk, entry.domain, entry.digest)) {
      AddLoss(archive, offset, entry.total_length(), 0, damaged);
    }
    offset += entry.total_length();
  }
  for (const PageChild& child : page->children) {
    ASSIGN_OR_RETURN(const bool there,
                     Visit(level - 1, child, offset, archive, damaged));
    if (!there) {
      AddLoss(archive, offset, child.size_bytes, child.hole_bytes, damaged);
    }
    offset += child.size_bytes;
  }
  if (damaged.damaged_bytes == before) RememberWhole(level, expected.page);
  return true;
}

absl::StatusOr<bool> ReferenceFinder::Find(const SnapshotRow& row,
                                           DamagedSnapshot& damaged) {
  RETURN_IF_ERROR(tick_());
  bool refers = IsLost(RecordKind::kManifest, Domain{}, row.manifest);
  for (const Archive& archive : row.archives) {
    const PageRoot& root = archive.root;
    const PageChild whole = {.page = root.page,
                             .size_bytes = root.size_bytes,
                             .chunk_count = root.chunk_count,
                             .hole_bytes = root.hole_bytes};
    bool there = root.level <= kMaxPageLevel;
    if (there) {
      ASSIGN_OR_RETURN(there,
                       Visit(root.level, whole, 0, archive.name, damaged));
    }
    if (there) continue;
    AddLoss(archive.name, 0, root.size_bytes, root.hole_bytes, damaged);
    // An empty archive has no bytes to lose.
    refers = true;
  }
  return refers || damaged.damaged_bytes > 0;
}

}  // namespace cairn::index
