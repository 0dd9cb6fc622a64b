#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/io/file_system.h"
#include "common/model/uuid.h"

namespace cairn::chunk_storage {

// The files of packs: <root>/<datastore UUID>/packs/<pack UUID>.pack. Keeps
// at most kMaxOpenFiles of them open for reading. Codes are those of
// common/io. Thread-safe.
class PackStore {
 public:
  static constexpr size_t kMaxOpenFiles = 512;

  // Creates `root`, durably. `files` outlives the store.
  static absl::StatusOr<std::unique_ptr<PackStore>> Open(FileSystem* files,
                                                         std::string root);

  // The datastores that have a directory, in order of UUID.
  absl::StatusOr<std::vector<Uuid>> ListDatastores() const;
  // Makes the directory of packs, durably. An existing one is fine.
  absl::Status CreateDatastore(const Uuid& datastore);
  // In order of UUID; files with other names are not packs.
  absl::StatusOr<std::vector<Uuid>> ListPacks(const Uuid& datastore) const;

  // An empty file whose name is durable after SyncPackDirectory.
  absl::StatusOr<std::unique_ptr<File>> CreatePack(const Uuid& datastore,
                                                   const Uuid& pack);
  absl::Status SyncPackDirectory(const Uuid& datastore);
  // NotFound: no such file. Not durable. Who has the file open may go on.
  absl::Status RemovePack(const Uuid& datastore, const Uuid& pack);

  // NotFound: no such file.
  absl::StatusOr<std::unique_ptr<File>> OpenForRecovery(const Uuid& datastore,
                                                        const Uuid& pack);
  absl::StatusOr<std::shared_ptr<const File>> OpenForRead(const Uuid& datastore,
                                                          const Uuid& pack);

  absl::StatusOr<uint64_t> FreeBytes() const;

  // The file system, and where the datastore keeps what is no pack.
  FileSystem* files() const { return files_; }
  std::string AuditDirectory(const Uuid& datastore) const;

 private:
  using Recent = std::list<std::pair<Uuid, std::shared_ptr<const File>>>;

  PackStore(FileSystem* files, std::string root)
      : files_(files), root_(std::move(root)) {}

  std::string DatastorePath(const Uuid& datastore) const;
  std::string PackDirectory(const Uuid& datastore) const;
  std::string PackPath(const Uuid& datastore, const Uuid& pack) const;

  FileSystem* const files_;
  const std::string root_;

  absl::Mutex mutex_;
  Recent recent_ ABSL_GUARDED_BY(mutex_);  // most recently used first
  absl::flat_hash_map<Uuid, Recent::iterator> open_ ABSL_GUARDED_BY(mutex_);
  uint64_t removals_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace cairn::chunk_storage
