#include "services/ingest/engine/base_entries.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/reuse.h"
#include "services/ingest/engine/peers.h"

namespace cairn::ingest {
namespace {

absl::Status Refused(absl::string_view why) {
  return WithReason(absl::FailedPreconditionError(why), reason::kReuseRefused);
}

uint64_t EndOf(const PlacedEntry& placed) {
  return placed.offset + placed.entry.total_length();
}

}  // namespace

absl::Status BaseEntries::LoadWindow(const Call& call,
                                     const std::string& archive,
                                     uint64_t offset, uint64_t length) {
  if (archive_ == archive && !window_.empty() &&
      window_.front().offset <= offset && offset < EndOf(window_.back())) {
    return absl::OkStatus();
  }
  window_.clear();
  const ArchiveName name{*base_, archive};
  const auto find = [&](uint64_t bytes) {
    return sessions_->FindEntries(ForPeer(call, *clock_), name, offset, bytes,
                                  kMaxReuseEntries);
  };
  absl::StatusOr<ArchiveEntries> found = find(kMaxArchiveBytes);
  // A page that is damaged further on is no reason to refuse what is here.
  if (absl::IsDataLoss(found.status())) found = find(length);
  if (absl::IsNotFound(found.status()) || absl::IsOutOfRange(found.status()) ||
      absl::IsDataLoss(found.status())) {
    return Refused(found.status().message());
  }
  RETURN_IF_ERROR(found.status());
  if (found->entries.empty() || found->entries.front().offset > offset) {
    return Refused(absl::StrCat(name.ToString(), " has no byte ", offset));
  }
  archive_ = archive;
  window_ = std::move(found->entries);
  return absl::OkStatus();
}

std::span<const PlacedEntry> BaseEntries::WindowFrom(uint64_t offset) const {
  const auto first = std::partition_point(
      window_.begin(), window_.end(),
      [offset](const PlacedEntry& placed) { return EndOf(placed) <= offset; });
  return {first, window_.end()};
}

bool BaseEntries::IsFar(uint64_t offset, uint64_t end, size_t entries) const {
  const std::span<const PlacedEntry> rest = WindowFrom(offset);
  if (rest.size() > entries) return rest[entries].offset < end;
  return rest.empty() || EndOf(rest.back()) < end;
}

absl::StatusOr<PlacedEntry> BaseEntries::At(const Call& call,
                                            const std::string& archive,
                                            uint64_t offset, uint64_t end) {
  if (!base_.has_value()) return Refused("the session has no base");
  RETURN_IF_ERROR(LoadWindow(call, archive, offset, end - offset));
  return WindowFrom(offset).front();
}

absl::StatusOr<std::vector<ChunkEntry>> BaseEntries::FindWhole(
    const Call& call, const std::string& archive, uint64_t offset, uint64_t end,
    size_t max_entries) {
  if (!base_.has_value()) return Refused("the session has no base");
  RETURN_IF_ERROR(LoadWindow(call, archive, offset, end - offset));
  std::vector<ChunkEntry> entries;
  for (const PlacedEntry& placed : WindowFrom(offset)) {
    const uint64_t from = std::max(offset, placed.offset);
    uint64_t to = std::min(end, EndOf(placed));
    if (!placed.entry.is_hole && from < to) {
      to -= (to - placed.offset) % placed.entry.length;
    }
    if (from >= to || entries.size() >= max_entries) break;
    ASSIGN_OR_RETURN(const std::vector<ChunkEntry> cut,
                     CutToRange(std::span(&placed, 1), from, to - from));
    entries.insert(entries.end(), cut.begin(), cut.end());
    if (to < EndOf(placed)) break;
  }
  return entries;
}

absl::StatusOr<std::vector<ChunkEntry>> BaseEntries::Find(
    const Call& call, const std::string& archive, uint64_t offset,
    uint64_t length) {
  if (!base_.has_value()) return Refused("the session has no base");
  if (length > kMaxArchiveBytes || offset > kMaxArchiveBytes - length) {
    return Refused(
        absl::StrCat("no archive has ", length, " bytes at ", offset));
  }
  const uint64_t end = offset + length;
  std::vector<ChunkEntry> entries;
  for (uint64_t at = offset; at < end;) {
    RETURN_IF_ERROR(LoadWindow(call, archive, at, end - at));
    const auto first = std::partition_point(
        window_.begin(), window_.end(),
        [at](const PlacedEntry& placed) { return EndOf(placed) <= at; });
    const auto last = std::partition_point(
        first, window_.end(),
        [end](const PlacedEntry& placed) { return placed.offset < end; });
    const uint64_t to = std::min(end, EndOf(*(last - 1)));
    if (entries.size() + (last - first) > kMaxReuseEntries) {
      return absl::InvalidArgumentError(absl::StrCat(
          "range ", offset, "..", end - 1, " of the base has more than ",
          kMaxReuseEntries, " entries; name it in parts"));
    }
    absl::StatusOr<std::vector<ChunkEntry>> cut =
        CutToRange(std::span(&*first, last - first), at, to - at);
    if (!cut.ok()) {
      return WithContext(cut.status(), absl::StrCat("base archive ", archive));
    }
    entries.insert(entries.end(), cut->begin(), cut->end());
    at = to;
  }
  return entries;
}

}  // namespace cairn::ingest
