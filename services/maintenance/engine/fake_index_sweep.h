#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/time/clock.h"
#include "services/index/client/sweep_client.h"
#include "services/maintenance/engine/fake_index.h"

namespace cairn::maintenance {

// What the snapshots of a FakeIndex refer to, and the part of index in a sweep
// and a verify, by the rules of the real one. For one thread only.
class FakeIndexSweep final : public IndexSweepClient {
 public:
  // Runs before each call, with the method's name; an error of it is the
  // answer.
  using Hook = std::function<absl::Status(std::string_view method)>;

  // Both outlive this.
  FakeIndexSweep(const Clock* clock, FakeIndex* index)
      : clock_(clock), index_(index) {}

  void SetHook(Hook hook) { hook_ = std::move(hook); }
  // A restart: the sweep is lost.
  void Restart() { token_ = 0; }
  void Refer(const SnapshotName& snapshot, std::vector<RecordKey> records) {
    references_[snapshot] = std::move(records);
  }
  // Of an open session.
  void ReferFromSession(uint64_t epoch, std::vector<RecordKey> records) {
    sessions_.emplace_back(epoch, std::move(records));
  }
  void EndSessions() { sessions_.clear(); }
  bool in_sweep() const { return token_ != 0; }
  void SetClockJumped(bool jumped) { clock_jumped_ = jumped; }

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
  using MarkKey = std::pair<RecordKind, uint64_t>;
  using Marks = std::map<MarkKey, MarkHolder>;

  absl::Status Enter(const Call& call, std::string_view method);
  absl::Status CheckToken(uint64_t token) const;
  void AddTo(Marks& marks, const std::vector<RecordKey>& records,
             MarkHolder holder) const;
  std::vector<Snapshot> InScope(const SnapshotScope& scope) const;

  const Clock* const clock_;
  FakeIndex* const index_;
  Hook hook_;
  std::map<SnapshotName, std::vector<RecordKey>> references_;
  std::vector<std::pair<uint64_t, std::vector<RecordKey>>> sessions_;
  uint64_t token_ = 0;  // of the sweep; 0: none
  uint64_t cut_ = 0;
  bool validate_only_ = false;
  bool clock_jumped_ = false;
  std::vector<Snapshot> view_;
  std::map<SnapshotName, uint64_t> gone_;  // the number of its event
  std::vector<std::string> leased_;
};

}  // namespace cairn::maintenance
