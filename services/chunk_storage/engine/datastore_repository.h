#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/datastore.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/engine/datastore_state.h"
#include "services/chunk_storage/engine/datastore_sweep.h"
#include "services/chunk_storage/engine/pack_set.h"
#include "services/chunk_storage/engine/place_table.h"
#include "services/chunk_storage/engine/record_reader.h"
#include "services/chunk_storage/engine/store_context.h"
#include "services/chunk_storage/storage/place_store.h"

namespace cairn::chunk_storage {

// The records of one datastore. The calls are those of ChunkClient; the
// repository that owns it has checked the datastore, and fills in the
// incarnation. Thread-safe.
class DatastoreRepository {
 public:
  // Recovers the packs of a former process. `context` outlives the result.
  static absl::StatusOr<std::unique_ptr<DatastoreRepository>> Open(
      const StoreContext* context, const StoredDatastore& row);

  DatastoreState& state() { return state_; }
  const DatastoreState& state() const { return state_; }
  uint64_t floor() const { return places_.floor(); }

  absl::StatusOr<std::vector<bool>> Pin(uint64_t epoch,
                                        std::span<const RecordKey> keys);
  absl::StatusOr<PutReply> Put(const SessionRef& session,
                               std::span<const Record> records);
  absl::Status Sync() { return packs_.SyncAll(); }
  absl::StatusOr<uint64_t> Append(std::span<const Record> records);
  // The stream must go before this object does.
  absl::StatusOr<std::unique_ptr<RecordStream>> Get(
      std::vector<RecordKey> keys) const;
  absl::Status ShowToken(const SweepNumbers& numbers);
  absl::StatusOr<StoreStatistics> Statistics() const;

  // At least the highest epoch of a session that was told the record is
  // present: what a sweep compares with its cut. NotFound: not stored.
  absl::StatusOr<uint64_t> TouchOf(const RecordKey& key) const;

  DatastoreSweep& sweep() { return sweep_; }

  // Seals every open pack. Only when no other call runs or follows.
  absl::Status Close() { return packs_.SealAll(); }

 private:
  DatastoreRepository(const StoreContext* context, const StoredDatastore& row);

  // Stores and pins records of one class that were missing a moment ago.
  absl::Status Store(const Uuid& session, uint64_t epoch, PackClass pack_class,
                     std::span<const Record* const> records, PutReply& reply);

  const StoreContext* const context_;
  DatastoreState state_;
  PlaceTable places_;
  PackSet packs_;
  RecordReader reader_;
  DatastoreSweep sweep_;
};

}  // namespace cairn::chunk_storage
