#pragma once

#include <memory>
#include <string>
#include <vector>

#include "services/index/client/sweep_client.h"
#include "services/index/engine/index_engine.h"

namespace cairn {

// Sweeps and verifies with index inside this process. Thread-safe.
class LocalIndexSweepClient final : public IndexSweepClient {
 public:
  // `engine` outlives the client and its streams.
  explicit LocalIndexSweepClient(index::IndexEngine* engine)
      : engine_(engine) {}

  absl::StatusOr<IndexSweep> BeginSweep(
      const Call& call, const DatastoreRef& datastore,
      const IndexSweepRequest& request) override;
  absl::StatusOr<GoneEvents> ListGoneEvents(const Call& call,
                                            const DatastoreRef& datastore,
                                            uint64_t token,
                                            uint64_t after_sequence) override;
  absl::StatusOr<std::unique_ptr<MarkStream>> MarkSweep(
      const Call& call, const DatastoreRef& datastore, uint64_t token,
      const std::vector<std::string>& leased_snapshots,
      MarkProgressSink progress) override;
  absl::StatusOr<std::unique_ptr<MarkStream>> MarkScope(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, MarkProgressSink progress) override;
  absl::StatusOr<DroppedPages> DropPages(const Call& call,
                                         const DatastoreRef& datastore,
                                         uint64_t token, uint32_t max_pages,
                                         bool dry_run) override;
  absl::StatusOr<EndedSweep> EndSweep(const Call& call,
                                      const DatastoreRef& datastore,
                                      uint64_t token,
                                      bool remove_gone) override;
  absl::Status FindReferences(
      const Call& call, const DatastoreRef& datastore,
      const SnapshotScope& scope, const std::vector<MarkRun>& records,
      uint32_t max_ranges,
      absl::FunctionRef<void(const DamagedSnapshot&)> take) override;
  absl::Status SaveVerifications(
      const Call& call, const DatastoreRef& datastore,
      const std::vector<SnapshotVerification>& verifications) override;

 private:
  index::IndexEngine* const engine_;
};

}  // namespace cairn
