#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/posix/interrupt.h"
#include "client/restore/range_reader.h"
#include "client/transfer/frame.h"
#include "client/transfer/transfer_progress.h"
#include "common/catalog/catalog_replay.h"
#include "common/model/archive.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_directory.h"
#include "common/pack/pack_file.h"
#include "common/page/page_walk.h"

namespace cairn::client {

// The snapshots of one datastore in bare packs, with no server running. Reads
// only. One thread.
class PackSource {
 public:
  // What metadata says and cannot be read; it may be of no matter.
  struct Problems {
    uint64_t count = 0;
    std::vector<std::string> texts;  // the first 20
  };

  // Reads all manifests and events below `path` (as PackDirectory::Open).
  // The datastore is that of the name or UUID; `any` if it need not be that
  // one where it is the only one. InvalidArgument: there are several.
  // NotFound: it is not there, or there are no packs. Both pointers outlive
  // the source.
  struct Wanted {
    std::string datastore;
    bool any = false;
  };
  static absl::StatusOr<PackSource> Open(const FileSystem* files,
                                         const std::string& path,
                                         const Wanted& wanted,
                                         const Interrupt* interrupt);

  // Not looked at: whether pages and chunks are there.
  const ReplayedCatalog& catalog() const { return catalog_; }
  const Uuid& datastore() const { return datastore_; }
  const Problems& problems() const { return problems_; }

  // Where one record is. Of several copies the first that proves is read.
  struct Place {
    uint32_t pack = 0;
    uint32_t stored_length = 0;
    uint64_t offset = 0;
  };
  using Places = absl::flat_hash_map<RecordKey, std::vector<Place>>;

  // Where the datastore's records of `kind` are; with `wanted`, only those.
  // About 100 bytes a record.
  absl::StatusOr<Places> Find(
      RecordKind kind, const absl::flat_hash_set<RecordKey>* wanted) const;
  // The plain bytes, proved. DataLoss (RECORD_MISSING, RECORD_DAMAGED) names
  // the record.
  absl::StatusOr<std::string> Read(const Places& places, const RecordKey& key);

 private:
  PackSource(PackDirectory packs, const Uuid& datastore,
             ReplayedCatalog catalog, Problems problems,
             const Interrupt* interrupt)
      : packs_(std::move(packs)),
        datastore_(datastore),
        catalog_(std::move(catalog)),
        problems_(std::move(problems)),
        interrupt_(interrupt) {}

  PackDirectory packs_;
  Uuid datastore_;
  ReplayedCatalog catalog_;
  Problems problems_;
  const Interrupt* interrupt_;
  // The pack that was read last: an archive's chunks lie together.
  std::shared_ptr<const PackFile> open_;
};

// A RangeReader of one archive in a PackSource. Holds where the pages of the
// datastore and the chunks of this archive are.
class PackReader final : public RangeReader {
 public:
  // All outlive the reader; `archive` is of a snapshot of `source`.
  PackReader(const RangeOptions& options, const Archive* archive,
             PackSource* source, const ProgressListener* progress)
      : options_(options),
        archive_(*archive),
        source_(*source),
        progress_(*progress),
        position_(options.offset) {}

  absl::Status Open() override;
  uint64_t archive_size_bytes() const override {
    return archive_.root.size_bytes;
  }
  uint64_t begin() const override { return options_.offset; }
  uint64_t end() const override { return end_; }
  absl::StatusOr<std::optional<Frame>> Next() override;

 private:
  // The entries from position_ on; at most kWindowEntries.
  absl::Status FillWindow(uint64_t from);
  absl::Status FindChunks();
  absl::StatusOr<std::string> ReadPage(const Digest& id);
  absl::StatusOr<Frame> FrameOf(const PlacedEntry& placed);

  const RangeOptions options_;
  const Archive& archive_;
  PackSource& source_;
  const ProgressListener& progress_;
  uint64_t position_;
  uint64_t end_ = 0;
  PackSource::Places pages_;
  PackSource::Places chunks_;
  std::vector<PlacedEntry> window_;
  size_t next_ = 0;  // of window_
  // The chunk that was read last, which a frame or a run may go on with.
  std::optional<RecordKey> chunk_key_;
  std::string chunk_;
};

}  // namespace cairn::client
