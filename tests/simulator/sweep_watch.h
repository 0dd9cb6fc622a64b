#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/kv/kv_store.h"
#include "tests/simulator/scheduler.h"
#include "tests/simulator/verdict.h"

namespace cairn::simulator {

// The rows of chunk_storage as its engine sees them, and a look at each place
// that is removed: none is for a sweep once a higher token was shown, however
// late its sweeper wakes up.
class SweepWatch final : public KvStore {
 public:
  // All outlive the object. `places`: the table of places.
  SweepWatch(KvStore* rows, KvTable places, Scheduler* scheduler,
             Verdict* verdict)
      : rows_(rows),
        places_(places),
        scheduler_(scheduler),
        verdict_(verdict) {}

  // The task that runs works for the sweep of `token` while this lives.
  class Work {
   public:
    Work(SweepWatch* watch, uint64_t token)
        : watch_(watch), task_(watch->scheduler_->current()->id) {
      watch_->tokens_.insert_or_assign(task_, token);
    }
    ~Work() { watch_->tokens_.erase(task_); }
    Work(const Work&) = delete;
    Work& operator=(const Work&) = delete;

   private:
    SweepWatch* const watch_;
    const uint64_t task_;
  };
  // It was shown, and that was answered.
  void NoteShown(uint64_t token) { shown_ = std::max(shown_, token); }

  absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const override {
    return rows_->Get(table, key);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      KvTable table, std::span<const std::string> keys) const override {
    return rows_->MultiGet(table, keys);
  }
  std::unique_ptr<KvView> NewView() const override { return rows_->NewView(); }
  absl::Status Commit(const KvBatch& batch, Durability durability) override;

 private:
  KvStore* const rows_;
  const KvTable places_;
  Scheduler* const scheduler_;
  Verdict* const verdict_;
  uint64_t shown_ = 0;
  std::map<uint64_t, uint64_t> tokens_;  // by task
};

}  // namespace cairn::simulator
