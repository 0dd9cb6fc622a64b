#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/kv/kv_store.h"
#include "common/model/record.h"
#include "common/model/uuid.h"
#include "common/pack/pack_directory.h"

namespace cairn {

// Finds records of a PackDirectory by key, every copy of each. The keys are
// rows of a KvStore that the caller makes for it, in a scratch directory: so
// memory is that store's caches and a batch of kBatchRows rows, at any number
// of records. One thread.
class PackIndex {
 public:
  static constexpr size_t kBatchRows = 4096;
  static constexpr size_t kMaxOpenFiles = 64;

  // The table that the KvStore must have; nothing else is in it.
  static constexpr char kTableName[] = "records";

  // Walks all packs of `directory` for records of `kinds`; rows of an earlier
  // Build in `kv` are written again. What is damaged goes to `damage`. Both
  // outlive the index.
  static absl::StatusOr<PackIndex> Build(
      const PackDirectory* directory, std::span<const RecordKind> kinds,
      KvStore* kv, const PackDirectory::VisitDamage& damage);

  // Where copies of the record are, packs in the order of the directory; none
  // if no pack names it.
  struct Copy {
    uint32_t pack = 0;  // index into packs()
    uint64_t offset = 0;
    uint32_t stored_length = 0;
  };
  absl::StatusOr<std::vector<Copy>> Find(const Uuid& datastore,
                                         const RecordKey& key) const;

  // The record by the first copy that proves. NotFound: no pack names it.
  // DataLoss: no copy proves; says what is wrong with the last.
  absl::StatusOr<Record> Read(const Uuid& datastore, const RecordKey& key);

 private:
  PackIndex(const PackDirectory* directory, KvStore* kv)
      : directory_(directory), kv_(kv) {}

  absl::StatusOr<const PackFile*> OpenPack(uint32_t pack);

  const PackDirectory* directory_;
  KvStore* kv_;
  // Most recently used first.
  std::list<std::pair<uint32_t, std::unique_ptr<PackFile>>> open_;
};

}  // namespace cairn
