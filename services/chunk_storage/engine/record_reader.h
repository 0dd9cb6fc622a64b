#pragma once

#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/record.h"
#include "services/chunk_storage/domain/place.h"
#include "services/chunk_storage/engine/pack_set.h"
#include "services/chunk_storage/engine/place_table.h"
#include "services/chunk_storage/engine/store_context.h"

namespace cairn::chunk_storage {

// DataLoss, RECORD_MISSING.
absl::Status MissingRecord(const RecordKey& key);

// Reads records of one datastore and proves them. Thread-safe.
class RecordReader {
 public:
  // All outlive the reader.
  RecordReader(const StoreContext* context, PackSet* packs, PlaceTable* places)
      : context_(context), packs_(packs), places_(places) {}

  // DataLoss (RECORD_DAMAGED): the bytes do not prove; the record is marked
  // bad now. (RECORD_MISSING): it is not stored any more. A record that moved
  // since `place` was looked up is found again.
  absl::StatusOr<Record> Read(const RecordKey& key, Place place) const;

  absl::StatusOr<std::vector<std::optional<Place>>> Find(
      std::span<const RecordKey> keys) const {
    return places_->Find(keys);
  }
  const StoreContext* context() const { return context_; }

 private:
  absl::StatusOr<Record> ReadAt(const RecordKey& key, const Place& place) const;

  const StoreContext* const context_;
  PackSet* const packs_;
  PlaceTable* const places_;
};

}  // namespace cairn::chunk_storage
