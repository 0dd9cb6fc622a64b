#include "services/index/client/local_sweep_client.h"

namespace cairn {

absl::StatusOr<IndexSweep> LocalIndexSweepClient::BeginSweep(
    const Call&, const DatastoreRef& datastore,
    const IndexSweepRequest& request) {
  return engine_->sweeps().Begin(datastore, request);
}

absl::StatusOr<GoneEvents> LocalIndexSweepClient::ListGoneEvents(
    const Call&, const DatastoreRef& datastore, uint64_t token,
    uint64_t after_sequence) {
  return engine_->sweeps().ListGoneEvents(datastore, token, after_sequence);
}

absl::StatusOr<std::unique_ptr<MarkStream>> LocalIndexSweepClient::MarkSweep(
    const Call& call, const DatastoreRef& datastore, uint64_t token,
    const std::vector<std::string>& leased_snapshots,
    MarkProgressSink progress) {
  return engine_->sweeps().Mark(call, datastore, token, leased_snapshots,
                                progress);
}

absl::StatusOr<std::unique_ptr<MarkStream>> LocalIndexSweepClient::MarkScope(
    const Call& call, const DatastoreRef& datastore, const SnapshotScope& scope,
    MarkProgressSink progress) {
  return engine_->scopes().Mark(call, datastore, scope, progress);
}

absl::StatusOr<DroppedPages> LocalIndexSweepClient::DropPages(
    const Call&, const DatastoreRef& datastore, uint64_t token,
    uint32_t max_pages, bool dry_run) {
  return engine_->sweeps().DropPages(datastore, token, max_pages, dry_run);
}

absl::StatusOr<EndedSweep> LocalIndexSweepClient::EndSweep(
    const Call&, const DatastoreRef& datastore, uint64_t token,
    bool remove_gone) {
  return engine_->sweeps().End(datastore, token, remove_gone);
}

absl::Status LocalIndexSweepClient::FindReferences(
    const Call& call, const DatastoreRef& datastore, const SnapshotScope& scope,
    const std::vector<MarkRun>& records, uint32_t max_ranges,
    absl::FunctionRef<void(const DamagedSnapshot&)> take) {
  return engine_->scopes().FindReferences(call, datastore, scope, records,
                                          max_ranges, take);
}

absl::Status LocalIndexSweepClient::SaveVerifications(
    const Call&, const DatastoreRef& datastore,
    const std::vector<SnapshotVerification>& verifications) {
  return engine_->scopes().SaveVerifications(datastore, verifications);
}

}  // namespace cairn
