#include "services/chunk_storage/storage/pack_store.h"

#include <algorithm>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

constexpr std::string_view kPackSuffix = ".pack";

// The directory that holds `path`, which is not the root.
std::string ParentOf(const std::string& path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The UUIDs among `names`, which end in `suffix`, in order.
std::vector<Uuid> UuidsOf(const std::vector<std::string>& names,
                          std::string_view suffix) {
  std::vector<Uuid> uuids;
  for (const std::string_view name : names) {
    if (!name.ends_with(suffix)) continue;
    const absl::StatusOr<Uuid> uuid =
        Uuid::Parse(name.substr(0, name.size() - suffix.size()));
    // Only the form that this store writes names a pack.
    if (uuid.ok() && absl::StrCat(uuid->ToString(), suffix) == name) {
      uuids.push_back(*uuid);
    }
  }
  std::sort(uuids.begin(), uuids.end());
  return uuids;
}

}  // namespace

absl::StatusOr<std::unique_ptr<PackStore>> PackStore::Open(FileSystem* files,
                                                           std::string root) {
  RETURN_IF_ERROR(files->CreateDirectories(root));
  RETURN_IF_ERROR(files->SyncDirectory(ParentOf(root)));
  return std::unique_ptr<PackStore>(new PackStore(files, std::move(root)));
}

std::string PackStore::DatastorePath(const Uuid& datastore) const {
  return absl::StrCat(root_, "/", datastore.ToString());
}
std::string PackStore::PackDirectory(const Uuid& datastore) const {
  return absl::StrCat(DatastorePath(datastore), "/packs");
}
std::string PackStore::AuditDirectory(const Uuid& datastore) const {
  return absl::StrCat(DatastorePath(datastore), "/audit");
}
std::string PackStore::PackPath(const Uuid& datastore, const Uuid& pack) const {
  return absl::StrCat(PackDirectory(datastore), "/", pack.ToString(),
                      kPackSuffix);
}

absl::StatusOr<std::vector<Uuid>> PackStore::ListDatastores() const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, files_->List(root_));
  return UuidsOf(names, "");
}

absl::Status PackStore::CreateDatastore(const Uuid& datastore) {
  RETURN_IF_ERROR(files_->CreateDirectories(PackDirectory(datastore)));
  // A name is durable once the directory that holds it is synced.
  RETURN_IF_ERROR(files_->SyncDirectory(DatastorePath(datastore)));
  return files_->SyncDirectory(root_);
}

absl::StatusOr<std::vector<Uuid>> PackStore::ListPacks(
    const Uuid& datastore) const {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   files_->List(PackDirectory(datastore)));
  return UuidsOf(names, kPackSuffix);
}

absl::StatusOr<std::unique_ptr<File>> PackStore::CreatePack(
    const Uuid& datastore, const Uuid& pack) {
  return files_->Create(PackPath(datastore, pack));
}

absl::Status PackStore::SyncPackDirectory(const Uuid& datastore) {
  return files_->SyncDirectory(PackDirectory(datastore));
}

absl::Status PackStore::RemovePack(const Uuid& datastore, const Uuid& pack) {
  return files_->Remove(PackPath(datastore, pack));
}

absl::StatusOr<std::unique_ptr<File>> PackStore::OpenForRecovery(
    const Uuid& datastore, const Uuid& pack) {
  return files_->OpenForWrite(PackPath(datastore, pack));
}

absl::StatusOr<std::shared_ptr<const File>> PackStore::OpenForRead(
    const Uuid& datastore, const Uuid& pack) {
  uint64_t removals = 0;
  {
    absl::MutexLock lock(&mutex_);
    removals = removals_;
    const auto it = open_.find(pack);
    if (it != open_.end()) {
      recent_.splice(recent_.begin(), recent_, it->second);
      return it->second->second;
    }
  }
  ASSIGN_OR_RETURN(std::unique_ptr<File> opened,
                   files_->OpenForRead(PackPath(datastore, pack)));
  std::shared_ptr<const File> file = std::move(opened);
  absl::MutexLock lock(&mutex_);
  // Another caller was faster, or it may have been removed meanwhile.
  if (open_.contains(pack) || removals != removals_) return file;
  recent_.emplace_front(pack, file);
  open_[pack] = recent_.begin();
  if (recent_.size() > kMaxOpenFiles) {
    open_.erase(recent_.back().first);
    recent_.pop_back();
  }
  return file;
}

absl::StatusOr<uint64_t> PackStore::FreeBytes() const {
  return files_->FreeBytes(root_);
}

}  // namespace cairn::chunk_storage
