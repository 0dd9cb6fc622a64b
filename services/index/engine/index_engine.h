#pragma once

#include <cstdint>
#include <memory>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/time/clock.h"
#include "services/index/engine/archive_reader.h"
#include "services/index/engine/catalog.h"
#include "services/index/engine/catalog_changes.h"
#include "services/index/engine/catalog_figures.h"
#include "services/index/engine/datastore_registry.h"
#include "services/index/engine/fence.h"
#include "services/index/engine/publisher.h"
#include "services/index/engine/scope_reader.h"
#include "services/index/engine/session_catalog.h"
#include "services/index/engine/session_pages.h"
#include "services/index/engine/sweep_engine.h"
#include "services/index/metrics.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/run_file.h"

namespace cairn::index {

// Everything that index does, wired over one store. Thread-safe.
class IndexEngine {
 public:
  struct Options {
    DatastoreRegistry::Options datastores;
    SessionCatalog::Options sessions;
    ArchiveReader::Options archives;
    SweepEngine::Options sweeps;
  };

  // `kv` was opened with TableNames(); `incarnation` is higher than at any
  // start over it before. `runs` takes what sweeps and verifies sort. All
  // outlive the engine; `random` is used during the call only.
  // Creates the datastore "default" at the first start. DataLoss: rows that do
  // not decode.
  static absl::StatusOr<std::unique_ptr<IndexEngine>> Open(
      const Options& options, KvStore* kv, uint64_t incarnation,
      RunDirectory* runs, const Clock* clock, absl::BitGenRef random,
      IndexMetrics* metrics);

  Catalog& catalog() { return catalog_; }
  CatalogChanges& changes() { return changes_; }
  SessionCatalog& sessions() { return sessions_; }
  SessionPages& pages() { return pages_; }
  Publisher& publisher() { return publisher_; }
  ArchiveReader& archives() { return archives_; }
  Fence& fence() { return fence_; }
  SweepEngine& sweeps() { return sweeps_; }
  ScopeReader& scopes() { return scopes_; }
  CatalogFigures& figures() { return figures_; }

  // Not OK: the store has met an error and answers nothing any more.
  absl::Status CheckHealth() const { return store_->CheckHealth(); }

 private:
  IndexEngine(const Options& options, std::unique_ptr<IndexStore> store,
              std::unique_ptr<DatastoreRegistry> datastores,
              uint64_t incarnation, RunDirectory* runs, const Clock* clock,
              IndexMetrics* metrics);

  const std::unique_ptr<IndexStore> store_;
  const std::unique_ptr<DatastoreRegistry> datastores_;
  Catalog catalog_;
  CatalogChanges changes_;
  SessionCatalog sessions_;
  SessionPages pages_;
  Publisher publisher_;
  ArchiveReader archives_;
  Fence fence_;
  SweepEngine sweeps_;
  ScopeReader scopes_;
  CatalogFigures figures_;
};

}  // namespace cairn::index
