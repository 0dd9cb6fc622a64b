#include "common/io/observed_file_system.h"

#include <utility>

#include "absl/functional/function_ref.h"

#include "absl/time/time.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// Tells the observer about one sync.
absl::Status ObserveSync(SyncedFile file, const Clock& clock,
                         SyncObserver& observer,
                         absl::FunctionRef<absl::Status()> sync) {
  const absl::Duration start = clock.Monotonic();
  absl::Status synced = sync();
  observer.Synced(file, clock.Monotonic() - start, synced.ok());
  return synced;
}

class ObservedFile final : public File {
 public:
  ObservedFile(SyncedFile kind, std::unique_ptr<File> file, const Clock* clock,
               std::shared_ptr<SyncObserver> observer)
      : kind_(kind),
        file_(std::move(file)),
        clock_(clock),
        observer_(std::move(observer)) {}

  absl::Status WriteAt(uint64_t offset,
                       std::span<const std::string_view> pieces) override {
    return file_->WriteAt(offset, pieces);
  }
  absl::StatusOr<std::string> ReadAt(uint64_t offset,
                                     size_t length) const override {
    return file_->ReadAt(offset, length);
  }
  absl::Status Sync() override {
    return ObserveSync(kind_, *clock_, *observer_,
                       [this] { return file_->Sync(); });
  }
  absl::StatusOr<uint64_t> Size() const override { return file_->Size(); }
  void Prefetch(uint64_t offset, uint64_t length) const override {
    file_->Prefetch(offset, length);
  }

 private:
  const SyncedFile kind_;
  const std::unique_ptr<File> file_;
  const Clock* const clock_;
  const std::shared_ptr<SyncObserver> observer_;
};

}  // namespace

ObservedFileSystem::ObservedFileSystem(FileSystem* base, const Clock* clock,
                                       std::shared_ptr<SyncObserver> observer)
    : base_(base), clock_(clock), observer_(std::move(observer)) {}

std::unique_ptr<File> ObservedFileSystem::Observe(
    const std::string& path, std::unique_ptr<File> file) const {
  return std::make_unique<ObservedFile>(
      path.ends_with(".pack") ? SyncedFile::kPack : SyncedFile::kOther,
      std::move(file), clock_, observer_);
}

absl::StatusOr<std::unique_ptr<File>> ObservedFileSystem::Create(
    const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, base_->Create(path));
  return Observe(path, std::move(file));
}

// Nobody syncs what it only reads.
absl::StatusOr<std::unique_ptr<File>> ObservedFileSystem::OpenForRead(
    const std::string& path) const {
  return base_->OpenForRead(path);
}

absl::StatusOr<std::unique_ptr<File>> ObservedFileSystem::OpenForWrite(
    const std::string& path) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, base_->OpenForWrite(path));
  return Observe(path, std::move(file));
}

absl::Status ObservedFileSystem::Rename(const std::string& from,
                                        const std::string& to) {
  return base_->Rename(from, to);
}

absl::Status ObservedFileSystem::Remove(const std::string& path) {
  return base_->Remove(path);
}

absl::Status ObservedFileSystem::CreateDirectories(const std::string& path) {
  return base_->CreateDirectories(path);
}

absl::StatusOr<std::vector<std::string>> ObservedFileSystem::List(
    const std::string& path) const {
  return base_->List(path);
}

absl::Status ObservedFileSystem::SyncDirectory(const std::string& path) {
  return ObserveSync(SyncedFile::kDirectory, *clock_, *observer_,
                     [&] { return base_->SyncDirectory(path); });
}

absl::StatusOr<uint64_t> ObservedFileSystem::FreeBytes(
    const std::string& path) const {
  return base_->FreeBytes(path);
}

}  // namespace cairn
