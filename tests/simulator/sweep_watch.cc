#include "tests/simulator/sweep_watch.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace cairn::simulator {

absl::Status SweepWatch::Commit(const KvBatch& batch, Durability durability) {
  const absl::Status committed = rows_->Commit(batch, durability);
  if (!committed.ok() || scheduler_->current() == nullptr) return committed;
  const auto sweep = tokens_.find(scheduler_->current()->id);
  if (sweep == tokens_.end() || sweep->second >= shown_) return committed;
  const bool drops =
      std::any_of(batch.changes().begin(), batch.changes().end(),
                  [this](const KvBatch::Change& change) {
                    return change.table == places_ && !change.value.has_value();
                  });
  if (drops) {
    verdict_->Fail(absl::StrCat("a place is dropped for token ", sweep->second,
                                " after ", shown_, " was shown"));
  }
  return committed;
}

}  // namespace cairn::simulator
