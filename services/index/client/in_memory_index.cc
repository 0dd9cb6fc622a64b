#include "services/index/client/in_memory_index.h"

#include <utility>

#include "common/status/status_macros.h"
#include "services/index/storage/index_store.h"

namespace cairn {

InMemoryIndex::InMemoryIndex(const Clock* clock,
                             const index::IndexEngine::Options& options)
    : clock_(clock),
      options_(options),
      metrics_(&registry_),
      kv_(index::TableNames().size()) {}

absl::StatusOr<std::unique_ptr<InMemoryIndex>> InMemoryIndex::Open(
    const Clock* clock, absl::BitGenRef random,
    const index::IndexEngine::Options& options) {
  std::unique_ptr<InMemoryIndex> made(new InMemoryIndex(clock, options));
  RETURN_IF_ERROR(made->OpenEngine(random));
  return made;
}

absl::Status InMemoryIndex::OpenEngine(absl::BitGenRef random) {
  ASSIGN_OR_RETURN(runs_, index::RunDirectory::Open(&files_, "/sweep"));
  ASSIGN_OR_RETURN(engine_, index::IndexEngine::Open(
                                options_, &kv_, ++incarnation_, runs_.get(),
                                clock_, random, &metrics_));
  sweeps_ = std::make_unique<LocalIndexSweepClient>(engine_.get());
  client_ = std::make_unique<LocalIndexClient>(
      engine_.get(), Caller{.kind = CallerKind::kLocal,
                            .role = CallerRole::kIndex,
                            .principal = "test@service"});
  return absl::OkStatus();
}

absl::Status InMemoryIndex::Restart(absl::BitGenRef random) {
  client_.reset();
  sweeps_.reset();
  engine_.reset();
  kv_.PowerCut(random);
  kv_.Recover();
  return OpenEngine(random);
}

}  // namespace cairn
