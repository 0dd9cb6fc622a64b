#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/digest.h"
#include "common/model/names.h"
#include "common/model/session.h"
#include "common/page/page_diff.h"
#include "services/index/client/session_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/engine/page_cache.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

inline constexpr uint32_t kMaxEntriesPerCall = 4096;
inline constexpr uint32_t kMaxRangesPerCall = 1024;

// Finds what an archive of a listed or trashed snapshot consists of, and where
// two of them differ. Every page is proved in the call that uses it.
// Thread-safe.
class ArchiveReader {
 public:
  struct Options {
    // Inner pages of the archives being restored, with room to spare.
    size_t page_cache_bytes = size_t{32} << 20;
    // Fetched in one call of Diff at most, if they are more than one path
    // down each tree: a few hundred milliseconds when none is cached.
    size_t max_diff_pages = 1024;
  };

  // All outlive the reader.
  ArchiveReader(const Options& options, IndexStore* store,
                const DatastoreRegistry* datastores, IndexMetrics* metrics)
      : options_(options),
        store_(store),
        datastores_(datastores),
        metrics_(metrics),
        cache_(options.page_cache_bytes) {}

  // NotFound: snapshot or archive. OutOfRange: `offset` beyond the end.
  // DataLoss names the page.
  absl::StatusOr<ArchiveEntries> FindEntries(const Call& call,
                                             const ArchiveName& archive,
                                             uint64_t offset, uint64_t length,
                                             uint32_t max_entries);

  // As SessionClient::GetPages.
  absl::StatusOr<std::vector<std::string>> GetPages(
      const Call& call, const SessionRef& session,
      const std::vector<Digest>& ids);

  // As SessionClient::DiffArchives.
  absl::StatusOr<ArchiveDiff> Diff(const Call& call, const ArchiveName& base,
                                   const ArchiveName& archive, uint64_t offset,
                                   uint32_t max_ranges);

 private:
  // Errors as of a session: what it may take over is kept while it is open.
  absl::Status CheckOpen(const DatastoreState& state,
                         const SessionRef& session) const;
  // NotFound: the snapshot, or the archive in it.
  absl::StatusOr<Archive> FindArchive(const Uuid& datastore,
                                      const ArchiveName& archive) const;
  // NotFound: `error` is a missing page, and the snapshot is gone, so that a
  // sweep has dropped it.
  absl::Status CheckKept(const Uuid& datastore, const SnapshotName& snapshot,
                         const absl::Status& error) const;
  // Cancelled, or as of the pages of `datastore`.
  absl::StatusOr<std::string> ReadPage(const Call& call, const Uuid& datastore,
                                       const Digest& id);

  const Options options_;
  IndexStore* const store_;
  const DatastoreRegistry* const datastores_;
  IndexMetrics* const metrics_;
  PageCache cache_;
};

}  // namespace cairn::index
