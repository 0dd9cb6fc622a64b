#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/lease.h"
#include "common/model/uuid.h"
#include "services/maintenance/domain/epoch_numbers.h"
#include "services/maintenance/domain/lease_table.h"

namespace cairn::maintenance {

// What was durable of one datastore.
struct StoredDatastore {
  std::optional<EpochNumbers> numbers;
  std::vector<LeaseEntry> leases;  // without deadlines
};

// Changes that become durable together.
class LeaseBatch {
 public:
  LeaseBatch() { batch_.set_passes_gate(true); }
  void PutLease(const Lease& lease, LeasePhase phase);
  void RemoveLease(std::string_view datastore, const Uuid& id);
  void PutNumbers(std::string_view datastore, const EpochNumbers& numbers);
  // For new writers, who have to wait until there is space. Everything else
  // passes the free-space gate: releases, readers, sweeps.
  void HoldAtGate() { batch_.set_passes_gate(false); }
  bool empty() const { return batch_.empty(); }

 private:
  friend class LeaseStore;
  KvBatch batch_;
};

// Durable home of leases and epoch numbers, over two tables of a KvStore:
//   leases   {d} 0x00 {16 bytes id}  →  record.v1.LeaseRow
//   epochs   {d}                     →  record.v1.EpochRow
// Thread-safe.
class LeaseStore {
 public:
  // In the order of the store's tables.
  static std::vector<std::string> TableNames();

  // `kv` has the tables above and outlives the store.
  explicit LeaseStore(KvStore* kv) : kv_(kv) {}

  // Everything, by datastore. DataLoss names a row that cannot be read.
  absl::StatusOr<std::map<std::string, StoredDatastore>> Load() const;

  // Durable when it returns. ResourceExhausted (STORAGE_FULL): nothing was
  // written. After any other error durability is unknown.
  absl::Status Commit(const LeaseBatch& batch);

 private:
  KvStore* const kv_;
};

}  // namespace cairn::maintenance
