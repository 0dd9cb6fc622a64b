#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/record.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/domain/place.h"
#include "services/chunk_storage/engine/record_reader.h"

namespace cairn::chunk_storage {

// Records in the order asked for, read ahead by tasks in the order in which
// they lie in the packs, within a window of bytes. The caller's thread reads
// what no task has begun, so that it never waits for a free thread.
class StoredRecordStream final : public RecordStream {
 public:
  // `reader` outlives the stream and its tasks.
  StoredRecordStream(const RecordReader* reader, std::vector<RecordKey> keys);
  ~StoredRecordStream() override;

  absl::StatusOr<std::optional<Record>> Next() override;

 private:
  struct ReadAhead;

  // Looks up and queues further keys while the window has room.
  absl::Status Fill();

  const RecordReader* const reader_;
  const std::vector<RecordKey> keys_;
  const std::shared_ptr<ReadAhead> ahead_;

  size_t next_ = 0;     // the key that Next returns
  size_t planned_ = 0;  // keys that were queued
  size_t looked_up_ = 0;
  std::vector<std::optional<Place>> places_;  // by key, of those looked up
  absl::Status error_;
};

}  // namespace cairn::chunk_storage
