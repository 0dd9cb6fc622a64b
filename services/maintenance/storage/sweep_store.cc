#include "services/maintenance/storage/sweep_store.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "cairn/record/v1/record.pb.h"
#include "common/status/status_macros.h"
#include "services/maintenance/storage/row_key.h"

namespace cairn::maintenance {
namespace {

constexpr std::string_view kTable = "sweeps";

std::string Encode(const StoredSweep& sweep) {
  record::v1::SweepRow row;
  row.set_format_version(kRowFormatVersion);
  row.set_token(sweep.numbers.token);
  row.set_epoch(sweep.numbers.epoch);
  row.set_cut(sweep.numbers.cut);
  row.set_task(std::string(sweep.task.view()));
  row.set_start_time_nanos(absl::ToUnixNanos(sweep.start_time));
  if (sweep.end_time.has_value()) {
    row.set_end_time_nanos(absl::ToUnixNanos(*sweep.end_time));
  }
  row.set_state(static_cast<uint32_t>(sweep.state));
  return row.SerializeAsString();
}

absl::StatusOr<StoredSweep> Decode(std::string_view key,
                                   std::string_view value) {
  const std::optional<DatastoreKeyParts> parts = SplitDatastoreKey(key);
  record::v1::SweepRow row;
  if (!parts.has_value() || !parts->rest.empty()) {
    return BadRow(kTable, key, "the key names no datastore");
  }
  if (!row.ParseFromArray(value.data(), static_cast<int>(value.size()))) {
    return BadRow(kTable, key, "the value cannot be parsed");
  }
  RETURN_IF_ERROR(CheckRowVersion(kTable, key, row.format_version()));
  StoredSweep sweep;
  sweep.datastore = std::string(parts->datastore);
  sweep.numbers.token = row.token();
  sweep.numbers.epoch = row.epoch();
  sweep.numbers.cut = row.cut();
  const absl::StatusOr<Uuid> task = Uuid::FromBytes(row.task());
  if (!task.ok()) return BadRow(kTable, key, task.status().message());
  sweep.task = *task;
  sweep.start_time = absl::FromUnixNanos(row.start_time_nanos());
  if (row.end_time_nanos() != 0) {
    sweep.end_time = absl::FromUnixNanos(row.end_time_nanos());
  }
  sweep.state = static_cast<TaskState>(row.state());
  if (std::find(std::begin(kTaskStates), std::end(kTaskStates), sweep.state) ==
      std::end(kTaskStates)) {
    return BadRow(kTable, key,
                  absl::StrCat("state is ", row.state(), ", which is none"));
  }
  return sweep;
}

}  // namespace

std::vector<std::string> SweepStore::TableNames() {
  return {std::string(kTable)};
}

absl::Status SweepStore::Put(const StoredSweep& sweep) {
  KvBatch batch;
  batch.set_passes_gate(true);
  batch.Put(table_, DatastoreKey(sweep.datastore, ""), Encode(sweep));
  return kv_->Commit(batch, Durability::kSynced);
}

absl::StatusOr<std::vector<StoredSweep>> SweepStore::Load() const {
  std::vector<StoredSweep> sweeps;
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::unique_ptr<KvCursor> row = view->Scan(table_, "", "");
  for (; row->Valid(); row->Next()) {
    ASSIGN_OR_RETURN(StoredSweep sweep, Decode(row->key(), row->value()));
    sweeps.push_back(std::move(sweep));
  }
  RETURN_IF_ERROR(row->status());
  return sweeps;
}

absl::Status SweepStore::InterruptAll(absl::Time now) {
  ASSIGN_OR_RETURN(std::vector<StoredSweep> sweeps, Load());
  for (StoredSweep& sweep : sweeps) {
    if (sweep.state != TaskState::kRunning) continue;
    sweep.state = TaskState::kInterrupted;
    sweep.end_time = now;
    RETURN_IF_ERROR(Put(sweep));
  }
  return absl::OkStatus();
}

}  // namespace cairn::maintenance
