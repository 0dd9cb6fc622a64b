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
#include "services/index/engine/catalog_lookup.h"

namespace cairn::index {

absl::StatusOr<std::string> ArchiveReader::ReadPage(const Uuid& datastore,
                                                    const Digest& id) {
  const std::string key = PageKey(datastore, id);
  std::optional<std::string> cached = cache_.Find(key);
  if (cached.has_value()) {
    metrics_->page_cache_hits.Increment();
    return *std::move(cached);
  }
  metrics_->page_cache_misses.Increment();
  ASSIGN_OR_RETURN(auto stored, store_->GetPages(datastore, std::span(&id, 1)));
  if (!stored[0].has_value()) return absl::DataLossError("is not stored");
  // A damaged page stays out, so that a reader sees it once it is healed.
  if (Sha256(*stored[0]) == id) cache_.Insert(key, *stored[0]);
  return *std::move(stored[0]);
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
  ASSIGN_OR_RETURN(const SnapshotRow row,
                   LoadSnapshot(store_->NewView(uuid), archive.snapshot));
  const auto found = std::lower_bound(
      row.archives.begin(), row.archives.end(), archive.archive,
      [](const Archive& a, const std::string& name) { return a.name < name; });
  if (found == row.archives.end() || found->name != archive.archive) {
    return absl::NotFoundError(
        absl::StrCat("archive ", archive.ToString(), " does not exist"));
  }
  const auto source = [&](const Digest& id) -> absl::StatusOr<std::string> {
    if (call.cancellation != nullptr) {
      RETURN_IF_ERROR(call.cancellation->Check());
    }
    return ReadPage(uuid, id);
  };
  absl::StatusOr<std::vector<PlacedEntry>> entries =
      cairn::FindEntries(found->root, offset, length, max_entries, source);
  if (!entries.ok()) {
    return WithContext(entries.status(), archive.ToString());
  }
  return ArchiveEntries{.archive = *found, .entries = *std::move(entries)};
}

}  // namespace cairn::index
