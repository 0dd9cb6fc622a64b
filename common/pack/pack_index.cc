#include "common/pack/pack_index.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr KvTable kTable = 0;

void AppendBigEndian(uint64_t value, int bytes, std::string& out) {
  for (int i = bytes - 1; i >= 0; --i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
}

uint64_t BigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

// Datastore 16, kind 1, domain 16, digest 32; then, for each copy, pack 4,
// offset 8. The value is the stored length, 4.
std::string KeyPrefix(const Uuid& datastore, const RecordKey& key) {
  std::string prefix(datastore.view());
  prefix.push_back(static_cast<char>(key.kind));
  prefix.append(key.domain.view());
  prefix.append(key.digest.view());
  return prefix;
}

}  // namespace

absl::StatusOr<PackIndex> PackIndex::Build(
    const PackDirectory* directory, std::span<const RecordKind> kinds,
    KvStore* kv, const PackDirectory::VisitDamage& damage) {
  KvBatch batch;
  const auto commit = [&]() {
    const absl::Status committed = kv->Commit(batch, Durability::kBuffered);
    batch = KvBatch();
    return committed;
  };
  RETURN_IF_ERROR(directory->ForEachEntry(
      kinds,
      [&](uint32_t pack, const PackEntry& entry) -> absl::Status {
        const Uuid datastore =
            directory->packs()[pack].datastore.value_or(Uuid());
        std::string key = KeyPrefix(datastore, entry.key);
        AppendBigEndian(pack, 4, key);
        AppendBigEndian(entry.offset, 8, key);
        std::string value;
        AppendBigEndian(entry.stored_length, 4, value);
        batch.Put(kTable, std::move(key), std::move(value));
        return batch.changes().size() < kBatchRows ? absl::OkStatus()
                                                   : commit();
      },
      damage));
  RETURN_IF_ERROR(commit());
  return PackIndex(directory, kv);
}

absl::StatusOr<std::vector<PackIndex::Copy>> PackIndex::Find(
    const Uuid& datastore, const RecordKey& key) const {
  const std::string prefix = KeyPrefix(datastore, key);
  std::vector<Copy> copies;
  const std::unique_ptr<KvView> view = kv_->NewView();
  const std::unique_ptr<KvCursor> cursor =
      view->Scan(kTable, prefix, PrefixEnd(prefix));
  for (; cursor->Valid(); cursor->Next()) {
    const std::string_view place = cursor->key().substr(prefix.size());
    if (place.size() != 12 || cursor->value().size() != 4) {
      return absl::InternalError(
          absl::StrCat(key.ToString(), " has a row of another shape"));
    }
    copies.push_back(
        {.pack = static_cast<uint32_t>(BigEndian(place.substr(0, 4))),
         .offset = BigEndian(place.substr(4)),
         .stored_length = static_cast<uint32_t>(BigEndian(cursor->value()))});
  }
  RETURN_IF_ERROR(cursor->status());
  return copies;
}

absl::StatusOr<const PackFile*> PackIndex::OpenPack(uint32_t pack) {
  const auto it =
      std::find_if(open_.begin(), open_.end(),
                   [&](const auto& open) { return open.first == pack; });
  if (it != open_.end()) {
    open_.splice(open_.begin(), open_, it);
    return open_.front().second.get();
  }
  if (pack >= directory_->packs().size()) {
    return absl::InternalError(absl::StrCat("no pack ", pack));
  }
  ASSIGN_OR_RETURN(
      std::unique_ptr<PackFile> file,
      PackFile::Open(directory_->files(), directory_->packs()[pack].path));
  open_.emplace_front(pack, std::move(file));
  if (open_.size() > kMaxOpenFiles) open_.pop_back();
  return open_.front().second.get();
}

absl::StatusOr<Record> PackIndex::Read(const Uuid& datastore,
                                       const RecordKey& key) {
  ASSIGN_OR_RETURN(const std::vector<Copy> copies, Find(datastore, key));
  absl::Status error =
      absl::NotFoundError(absl::StrCat(key.ToString(), " is in no pack"));
  for (const Copy& copy : copies) {
    ASSIGN_OR_RETURN(const PackFile* const file, OpenPack(copy.pack));
    absl::StatusOr<Record> record =
        file->ReadRecord(key, copy.offset, copy.stored_length);
    if (record.ok()) return record;
    if (!absl::IsDataLoss(record.status())) return record.status();
    error = WithContext(record.status(), key.ToString());
  }
  return error;
}

}  // namespace cairn
