#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/file_system.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_file.h"
#include "common/pack/pack_format.h"

namespace cairn {

// A pack file among others.
struct PackPath {
  Uuid pack;
  // Whose it is: by the directory; in a bare directory by the header block,
  // and none where that is damaged.
  std::optional<Uuid> datastore;
  std::string path;
};

// A part of a pack that could not be read or does not prove.
struct PackDamage {
  std::string path;
  uint64_t offset = 0;
  uint64_t length = 0;             // bytes
  std::optional<PackEntry> entry;  // the record, where it is known
  std::string why;
};

// Reads packs of a stopped or lost store: nothing but the files is needed,
// and nothing is written. Holds the list of packs (about 150 bytes each), and
// while it reads the table of one. One thread.
class PackDirectory {
 public:
  // `path` is a data directory, its chunk_storage, the `datastores` in it, one
  // datastore of that, its `packs`, or any directory of .pack files. `files`
  // outlives the directory. NotFound: no such directory. A directory without
  // packs is fine.
  static absl::StatusOr<PackDirectory> Open(const FileSystem* files,
                                            const std::string& path);

  // By datastore, then by pack.
  const std::vector<PackPath>& packs() const { return packs_; }
  // In order; those of packs whose header says another are not told apart.
  std::vector<Uuid> Datastores() const;
  const FileSystem& files() const { return *files_; }

  // Calls `visit` for what each pack holds of `kinds`, in the order of packs
  // and offsets; `pack` is an index into packs(). Footers are believed where
  // they prove, else the pack is scanned. Packs of another class than `kinds`
  // need are passed by, as are those whose header names another datastore than
  // their directory. What is damaged goes to `damage`, the walk goes on. An
  // error of `visit` ends it; so does one of the files but DataLoss.
  using VisitEntry =
      std::function<absl::Status(uint32_t pack, const PackEntry& entry)>;
  using VisitDamage = std::function<void(const PackDamage& damage)>;
  absl::Status ForEachEntry(std::span<const RecordKind> kinds,
                            const VisitEntry& visit,
                            const VisitDamage& damage) const;

  // The same with the records themselves, each read and proved (header and
  // payload digest).
  using VisitRecord = std::function<absl::Status(
      uint32_t pack, const PackEntry& entry, const Record& record)>;
  absl::Status ForEachRecord(std::span<const RecordKind> kinds,
                             const VisitRecord& visit,
                             const VisitDamage& damage) const;

 private:
  using VisitFileEntry =
      std::function<absl::Status(const PackFile& file, const PackEntry& entry)>;

  PackDirectory(const FileSystem* files, std::vector<PackPath> packs)
      : files_(files), packs_(std::move(packs)) {}

  absl::Status WalkPack(const PackPath& pack, std::span<const RecordKind> kinds,
                        const VisitFileEntry& visit,
                        const VisitDamage& damage) const;

  const FileSystem* files_;
  std::vector<PackPath> packs_;
};

}  // namespace cairn
