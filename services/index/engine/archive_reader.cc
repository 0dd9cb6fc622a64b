#include "services/index/engine/archive_reader.h"

#include <algorithm>
#include <optional>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/digest/sha256.h"
#include "common/page/page_walk.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/domain/session_rules.h"
#include "services/index/engine/catalog_lookup.h"

namespace cairn::index {

absl::StatusOr<std::string> ArchiveReader::ReadPage(const Call& call,
                                                    const Uuid& datastore,
                                                    const Digest& id) {
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  const std::string key = PageKey(datastore, id);
  std::optional<std::string> cached = cache_.Find(key);
  if (cached.has_value()) {
    metrics_->page_cache_hits.Increment();
    return *std::move(cached);
  }
  metrics_->page_cache_misses.Increment();
  ASSIGN_OR_RETURN(auto stored, store_->GetPages(datastore, std::span(&id, 1)));
  if (!stored[0].has_value()) {
    return WithReason(absl::DataLossError("is not stored"),
                      reason::kRecordMissing);
  }
  // A damaged page stays out, so that a reader sees it once it is healed.
  if (Sha256(*stored[0]) == id) cache_.Insert(key, *stored[0]);
  return *std::move(stored[0]);
}

// Also of a snapshot that is gone: its row and its pages stay as long as a
// lease that was granted before holds it, whose reader goes on to the end. Who
// has none was told by the lease that it is gone.
absl::StatusOr<Archive> ArchiveReader::FindArchive(
    const Uuid& datastore, const ArchiveName& archive) const {
  const IndexView view = store_->NewView(datastore);
  ASSIGN_OR_RETURN(const std::optional<SnapshotRow> row,
                   view.GetSnapshot(archive.snapshot));
  if (!row.has_value()) return LoadSnapshot(view, archive.snapshot).status();
  const auto found = std::lower_bound(
      row->archives.begin(), row->archives.end(), archive.archive,
      [](const Archive& a, const std::string& name) { return a.name < name; });
  if (found == row->archives.end() || found->name != archive.archive) {
    return absl::NotFoundError(
        absl::StrCat("archive ", archive.ToString(), " does not exist"));
  }
  return *found;
}

absl::Status ArchiveReader::CheckKept(const Uuid& datastore,
                                      const SnapshotName& snapshot,
                                      const absl::Status& error) const {
  if (!absl::IsDataLoss(error)) return absl::OkStatus();
  return LoadSnapshot(store_->NewView(datastore), snapshot).status();
}

absl::StatusOr<ArchiveEntries> ArchiveReader::FindEntries(
    const Call& call, const ArchiveName& archive, uint64_t offset,
    uint64_t length, uint32_t max_entries) {
  if (max_entries == 0 || max_entries > kMaxEntriesPerCall) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_entries is ", max_entries, ", allowed are 1..",
                     kMaxEntriesPerCall));
  }
  ASSIGN_OR_RETURN(
      const DatastoreState* const state,
      datastores_->FindByName(archive.snapshot.group.parent.datastore));
  const Uuid& uuid = state->info.ref.uuid;
  ASSIGN_OR_RETURN(Archive found, FindArchive(uuid, archive));
  absl::StatusOr<std::vector<PlacedEntry>> entries = cairn::FindEntries(
      found.root, offset, length, max_entries,
      [&](const Digest& id) { return ReadPage(call, uuid, id); });
  if (!entries.ok()) {
    RETURN_IF_ERROR(CheckKept(uuid, archive.snapshot, entries.status()));
    return WithContext(entries.status(), archive.ToString());
  }
  return ArchiveEntries{.archive = std::move(found),
                        .entries = *std::move(entries)};
}

absl::Status ArchiveReader::CheckOpen(const DatastoreState& state,
                                      const SessionRef& session) const {
  const SessionName name{.datastore = state.info.name,
                         .session = session.session};
  absl::ReaderMutexLock lock(&state.gate);
  ASSIGN_OR_RETURN(const SessionRow row,
                   LoadSession(store_->NewView(state.info.ref.uuid), name));
  const absl::Status open =
      CheckSessionOpen(name, row, session, state.numbers.fence);
  if (HasReason(open, reason::kSessionFenced)) {
    metrics_->fenced_calls.Increment();
  }
  return open;
}

absl::StatusOr<std::vector<std::string>> ArchiveReader::GetPages(
    const Call& call, const SessionRef& session,
    const std::vector<Digest>& ids) {
  if (ids.empty() || ids.size() > kMaxPageIds) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ids has ", ids.size(), " items, allowed are 1..", kMaxPageIds));
  }
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->Find(session.datastore));
  RETURN_IF_ERROR(CheckOpen(*state, session));
  std::vector<std::string> pages;
  pages.reserve(ids.size());
  for (const Digest& id : ids) {
    absl::StatusOr<std::string> page = ReadPage(call, state->info.ref.uuid, id);
    if (!page.ok()) {
      return WithContext(page.status(), absl::StrCat("page ", id.ToHex()));
    }
    pages.push_back(*std::move(page));
  }
  return pages;
}

absl::StatusOr<ArchiveDiff> ArchiveReader::Diff(const Call& call,
                                                const ArchiveName& base,
                                                const ArchiveName& archive,
                                                uint64_t offset,
                                                uint32_t max_ranges) {
  if (max_ranges == 0 || max_ranges > kMaxRangesPerCall) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_ranges is ", max_ranges, ", allowed are 1..", kMaxRangesPerCall));
  }
  const std::string& datastore = archive.snapshot.group.parent.datastore;
  if (base.snapshot.group.parent.datastore != datastore) {
    return absl::InvalidArgumentError(absl::StrCat(
        base.ToString(), " and ", archive.ToString(),
        " are of two datastores; archives of one can be compared"));
  }
  ASSIGN_OR_RETURN(const DatastoreState* const state,
                   datastores_->FindByName(datastore));
  const Uuid& uuid = state->info.ref.uuid;
  ASSIGN_OR_RETURN(const Archive left, FindArchive(uuid, base));
  ASSIGN_OR_RETURN(const Archive right, FindArchive(uuid, archive));
  const auto source = [&](const Digest& id) {
    return ReadPage(call, uuid, id);
  };
  absl::StatusOr<ArchiveDiff> diff = DiffArchives(
      left.root, source, right.root, source, offset,
      {.max_ranges = max_ranges, .max_pages = options_.max_diff_pages});
  if (!diff.ok()) {
    RETURN_IF_ERROR(CheckKept(uuid, base.snapshot, diff.status()));
    RETURN_IF_ERROR(CheckKept(uuid, archive.snapshot, diff.status()));
    return WithContext(diff.status(), absl::StrCat(base.ToString(), " against ",
                                                   archive.ToString()));
  }
  return diff;
}

}  // namespace cairn::index
