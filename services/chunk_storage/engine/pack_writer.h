#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_format.h"
#include "services/chunk_storage/domain/place.h"
#include "services/chunk_storage/engine/store_context.h"

namespace cairn::chunk_storage {

// One open pack: appends, syncs, and ends with a footer. What is appended is
// readable at once and durable after the next Sync. Thread-safe.
class PackWriter {
 public:
  // What a finished pack holds.
  struct Contents {
    uint64_t file_bytes = 0;
    uint64_t highest_sequence = 0;
    uint64_t highest_epoch = 0;
    std::vector<PlacedRecord> records;  // all, in order of offset
  };

  // A new file with its header. `context` outlives the writer.
  static absl::StatusOr<std::shared_ptr<PackWriter>> Create(
      const StoreContext* context, const PackHeader& header, uint32_t number);

  const Uuid& uuid() const { return header_.pack; }
  uint32_t number() const { return number_; }
  PackClass pack_class() const { return header_.pack_class; }
  // Lives on when the writer goes.
  const std::shared_ptr<File>& file() const { return file_; }
  uint64_t end() const;
  // Highest of a manifest or event that is durable.
  uint64_t durable_sequence() const;

  // Appends as many of `records`, from the first on, as fit; none if the
  // pack is full. Each place returned must be settled once. Where a write
  // fails (ResourceExhausted if the disk is full), what was torn is dead and
  // the pack takes no more.
  absl::StatusOr<std::vector<Place>> Append(
      std::span<const Record* const> records, uint64_t epoch);
  // The same of records as they are in another pack, the headers as they are.
  struct Copied {
    RecordHeader header;
    std::string_view payload;
  };
  absl::StatusOr<std::vector<Place>> AppendCopied(
      std::span<const Copied> records);
  // `count` appended records are in the place table, or never will be.
  void Settle(size_t count);

  // Everything appended before the call is durable when it returns.
  // Concurrent calls share syncs. Unavailable: a sync has failed, now or
  // before.
  absl::Status Sync();

  // Lets the disk write what was appended, so that a later Sync waits less; it
  // promises nothing. Unavailable: as Sync.
  absl::Status WriteOut() { return SyncFile(/*with_directory=*/false); }

  // Takes no more, waits until all is settled, syncs, writes the footer and
  // syncs that. May be called again after an error, by one caller at a time.
  absl::StatusOr<Contents> Finish();

 private:
  PackWriter(const StoreContext* context, const PackHeader& header,
             uint32_t number, std::shared_ptr<File> file)
      : context_(context),
        header_(header),
        number_(number),
        file_(std::move(file)) {}

  // How many of `records` still fit.
  size_t CountFitting(std::span<const Copied> records) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SyncFile(bool with_directory);
  absl::Status WriteFooter();

  const StoreContext* const context_;
  const PackHeader header_;
  const uint32_t number_;
  const std::shared_ptr<File> file_;

  mutable absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool syncing_ ABSL_GUARDED_BY(mutex_) = false;
  bool directory_synced_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  // The next record's place; everything below `synced_` is durable.
  uint64_t end_ ABSL_GUARDED_BY(mutex_) = kPackBlockBytes;
  uint64_t synced_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t unsettled_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t highest_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t durable_sequence_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<PackEntry> records_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace cairn::chunk_storage
