#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/digest.h"
#include "common/model/names.h"
#include "services/index/client/session_client.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/engine/page_cache.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {

inline constexpr uint32_t kMaxEntriesPerCall = 4096;

// Finds what an archive of a listed or trashed snapshot consists of. Every
// page is proved in the call that uses it. Thread-safe.
class ArchiveReader {
 public:
  struct Options {
    // Inner pages of the archives being restored, with room to spare.
    size_t page_cache_bytes = size_t{32} << 20;
  };

  // All outlive the reader.
  ArchiveReader(const Options& options, IndexStore* store,
                const DatastoreRegistry* datastores, IndexMetrics* metrics)
      : store_(store),
        datastores_(datastores),
        metrics_(metrics),
        cache_(options.page_cache_bytes) {}

  // NotFound: snapshot or archive. OutOfRange: `offset` beyond the end.
  // DataLoss names the page.
  absl::StatusOr<ArchiveEntries> FindEntries(const Call& call,
                                             const ArchiveName& archive,
                                             uint64_t offset, uint64_t length,
                                             uint32_t max_entries);

 private:
  absl::StatusOr<std::string> ReadPage(const Uuid& datastore, const Digest& id);

  IndexStore* const store_;
  const DatastoreRegistry* const datastores_;
  IndexMetrics* const metrics_;
  PageCache cache_;
};

}  // namespace cairn::index
