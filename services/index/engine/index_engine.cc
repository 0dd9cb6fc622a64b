#include "services/index/engine/index_engine.h"

#include <utility>

#include "common/status/status_macros.h"

namespace cairn::index {

absl::StatusOr<std::unique_ptr<IndexEngine>> IndexEngine::Open(
    const Options& options, KvStore* kv, uint64_t incarnation,
    RunDirectory* runs, const Clock* clock, absl::BitGenRef random,
    IndexMetrics* metrics) {
  auto store = std::make_unique<IndexStore>(kv);
  ASSIGN_OR_RETURN(
      auto datastores,
      DatastoreRegistry::Open(options.datastores, store.get(), *clock, random));
  metrics->open_sessions.Set(
      static_cast<double>(datastores->CountOpenSessions()));
  return std::unique_ptr<IndexEngine>(
      new IndexEngine(options, std::move(store), std::move(datastores),
                      incarnation, runs, clock, metrics));
}

IndexEngine::IndexEngine(const Options& options,
                         std::unique_ptr<IndexStore> store,
                         std::unique_ptr<DatastoreRegistry> datastores,
                         uint64_t incarnation, RunDirectory* runs,
                         const Clock* clock, IndexMetrics* metrics)
    : store_(std::move(store)),
      datastores_(std::move(datastores)),
      catalog_(store_.get(), datastores_.get(),
               options.sessions.max_open_sessions),
      changes_(store_.get(), datastores_.get(), clock, metrics),
      sessions_(options.sessions, store_.get(), datastores_.get(), clock,
                metrics),
      pages_(store_.get(), datastores_.get(), incarnation, metrics),
      publisher_(store_.get(), datastores_.get(), clock, metrics),
      archives_(options.archives, store_.get(), datastores_.get(), metrics),
      fence_(store_.get(), datastores_.get(), metrics),
      sweeps_(options.sweeps, store_.get(), datastores_.get(), &fence_, runs,
              clock, metrics),
      scopes_(options.sweeps.walk, store_.get(), datastores_.get(), runs, clock,
              metrics),
      figures_(store_.get(), datastores_.get(), clock, metrics) {}

}  // namespace cairn::index
