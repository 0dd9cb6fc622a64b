#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/synchronization/mutex.h"
#include "common/kv/kv_store.h"

namespace cairn {

// A KvStore in memory that can lose power, for tests and simulation. A commit
// copies all tables while a view is alive, so it is for small data.
// Thread-safe.
class MemoryKvStore final : public KvStore {
 public:
  explicit MemoryKvStore(size_t table_count);

  absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const override;
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      KvTable table, std::span<const std::string> keys) const override;
  std::unique_ptr<KvView> NewView() const override;
  absl::Status Commit(const KvBatch& batch, Durability durability) override;

  // Loses power: of the batches after the last synced one, the first few
  // (chosen by `random`, none to all) survive. Views taken before become
  // meaningless. Commits fail with Unavailable until Recover.
  void PowerCut(absl::BitGenRef random);
  void Recover();

  // The commit with this number (1 = the next one) and all after it fail
  // with `error`, without effect, until the next Recover.
  void FailCommitsFrom(uint64_t nth, absl::Status error);

  // Commits that have taken effect; of those, the synced ones.
  uint64_t commit_count() const;
  uint64_t synced_commit_count() const;

 private:
  using Table = std::map<std::string, std::string, std::less<>>;
  using Tables = std::vector<Table>;

  class View;
  class Cursor;

  static void Apply(const KvBatch& batch, Tables& tables);

  mutable absl::Mutex mutex_;
  // Shared with views; copied on the next commit while a view holds it.
  std::shared_ptr<Tables> tables_ ABSL_GUARDED_BY(mutex_);
  Tables durable_ ABSL_GUARDED_BY(mutex_);
  std::deque<KvBatch> unsynced_ ABSL_GUARDED_BY(mutex_);
  bool powered_ ABSL_GUARDED_BY(mutex_) = true;
  uint64_t commits_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t synced_commits_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<uint64_t> commits_until_failure_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn
