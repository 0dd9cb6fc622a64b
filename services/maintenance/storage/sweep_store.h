#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/kv/kv_store.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/epoch_numbers.h"
#include "services/maintenance/domain/task_rules.h"

namespace cairn::maintenance {

// How far the last sweep of a datastore came. For people: no safety rests on
// it, and a sweep is never taken up again.
struct StoredSweep {
  std::string datastore;
  EpochNumbers numbers;  // epoch, token, cut
  Uuid task;
  absl::Time start_time;
  std::optional<absl::Time> end_time;
  TaskState state = TaskState::kRunning;
};

// Over one table of a KvStore:
//   sweeps  {d} 0x00  →  record.v1.SweepRow
// Thread-safe.
class SweepStore {
 public:
  static std::vector<std::string> TableNames();

  // `kv` has the table at `table`, and outlives the store.
  SweepStore(KvStore* kv, KvTable table) : kv_(kv), table_(table) {}

  // In the place of the datastore's former one. Durable when it returns.
  absl::Status Put(const StoredSweep& sweep);
  // By datastore. DataLoss names a row that cannot be read.
  absl::StatusOr<std::vector<StoredSweep>> Load() const;
  // At a start: what was running is interrupted, at `now`.
  absl::Status InterruptAll(absl::Time now);

 private:
  KvStore* const kv_;
  const KvTable table_;
};

}  // namespace cairn::maintenance
