#include "common/testing/faulty_file_system.h"

#include <span>
#include <string_view>
#include <utility>

#include "common/status/status_macros.h"

namespace cairn {

class FaultyFileSystem::FaultyFile final : public File {
 public:
  FaultyFile(const FaultyFileSystem* files, std::unique_ptr<File> base)
      : files_(files), base_(std::move(base)) {}

  absl::Status WriteAt(uint64_t offset,
                       std::span<const std::string_view> pieces) override {
    RETURN_IF_ERROR(files_->Admit(FileOperation::kWrite));
    if (!files_->TakeFlip()) return base_->WriteAt(offset, pieces);
    std::string bytes;
    for (const std::string_view piece : pieces) bytes.append(piece);
    if (!bytes.empty()) bytes[bytes.size() / 2] ^= 1;
    const std::string_view flipped[] = {bytes};
    return base_->WriteAt(offset, flipped);
  }
  absl::StatusOr<std::string> ReadAt(uint64_t offset,
                                     size_t length) const override {
    RETURN_IF_ERROR(files_->Admit(FileOperation::kRead));
    return base_->ReadAt(offset, length);
  }
  absl::Status Sync() override {
    RETURN_IF_ERROR(files_->Admit(FileOperation::kSync));
    return base_->Sync();
  }
  absl::StatusOr<uint64_t> Size() const override {
    RETURN_IF_ERROR(files_->Admit(FileOperation::kRead));
    return base_->Size();
  }
  void Prefetch(uint64_t offset, uint64_t length) const override {
    base_->Prefetch(offset, length);
  }

 private:
  const FaultyFileSystem* const files_;
  const std::unique_ptr<File> base_;
};

void FaultyFileSystem::FailCall(FileOperation operation, uint64_t nth,
                                absl::Status status, Then then) {
  absl::MutexLock lock(&mutex_);
  faults_.insert_or_assign(
      operation, Fault{calls_[operation] + nth, std::move(status), then});
}

void FaultyFileSystem::FlipBitOfWrite(uint64_t nth) {
  absl::MutexLock lock(&mutex_);
  writes_until_flip_ = nth;
}

bool FaultyFileSystem::TakeFlip() const {
  absl::MutexLock lock(&mutex_);
  if (writes_until_flip_ == 0) return false;
  return --writes_until_flip_ == 0;
}

void FaultyFileSystem::FailAllAfter(uint64_t changes, absl::Status status) {
  absl::MutexLock lock(&mutex_);
  crash_at_mutation_ = mutations_ + changes;
  crash_status_ = std::move(status);
}

void FaultyFileSystem::SetFreeBytes(std::optional<uint64_t> free_bytes) {
  absl::MutexLock lock(&mutex_);
  free_bytes_ = free_bytes;
}

void FaultyFileSystem::Recover() {
  absl::MutexLock lock(&mutex_);
  faults_.clear();
  crash_at_mutation_.reset();
  writes_until_flip_ = 0;
}

uint64_t FaultyFileSystem::calls(FileOperation operation) const {
  absl::MutexLock lock(&mutex_);
  const auto found = calls_.find(operation);
  return found == calls_.end() ? 0 : found->second;
}

uint64_t FaultyFileSystem::mutations() const {
  absl::MutexLock lock(&mutex_);
  return mutations_;
}

absl::Status FaultyFileSystem::Admit(FileOperation operation) const {
  absl::MutexLock lock(&mutex_);
  const uint64_t call = ++calls_[operation];
  if (crash_at_mutation_.has_value() && mutations_ >= *crash_at_mutation_) {
    return crash_status_;
  }
  if (operation <= FileOperation::kRemove) ++mutations_;
  const auto fault = faults_.find(operation);
  if (fault == faults_.end() || call < fault->second.at_call) {
    return absl::OkStatus();
  }
  if (call > fault->second.at_call && fault->second.then == Then::kRecover) {
    return absl::OkStatus();
  }
  return fault->second.status;
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::Create(
    const std::string& path) {
  RETURN_IF_ERROR(Admit(FileOperation::kCreate));
  ASSIGN_OR_RETURN(auto file, base_->Create(path));
  return std::make_unique<FaultyFile>(this, std::move(file));
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::OpenForRead(
    const std::string& path) const {
  RETURN_IF_ERROR(Admit(FileOperation::kOpen));
  ASSIGN_OR_RETURN(auto file, base_->OpenForRead(path));
  return std::make_unique<FaultyFile>(this, std::move(file));
}

absl::StatusOr<std::unique_ptr<File>> FaultyFileSystem::OpenForWrite(
    const std::string& path) {
  RETURN_IF_ERROR(Admit(FileOperation::kOpen));
  ASSIGN_OR_RETURN(auto file, base_->OpenForWrite(path));
  return std::make_unique<FaultyFile>(this, std::move(file));
}

absl::Status FaultyFileSystem::Rename(const std::string& from,
                                      const std::string& to) {
  RETURN_IF_ERROR(Admit(FileOperation::kRename));
  return base_->Rename(from, to);
}

absl::Status FaultyFileSystem::Remove(const std::string& path) {
  RETURN_IF_ERROR(Admit(FileOperation::kRemove));
  return base_->Remove(path);
}

absl::Status FaultyFileSystem::CreateDirectories(const std::string& path) {
  RETURN_IF_ERROR(Admit(FileOperation::kCreateDirectories));
  return base_->CreateDirectories(path);
}

absl::StatusOr<std::vector<std::string>> FaultyFileSystem::List(
    const std::string& path) const {
  RETURN_IF_ERROR(Admit(FileOperation::kList));
  return base_->List(path);
}

absl::Status FaultyFileSystem::SyncDirectory(const std::string& path) {
  RETURN_IF_ERROR(Admit(FileOperation::kSyncDirectory));
  return base_->SyncDirectory(path);
}

absl::StatusOr<uint64_t> FaultyFileSystem::FreeBytes(
    const std::string& path) const {
  RETURN_IF_ERROR(Admit(FileOperation::kFreeBytes));
  {
    absl::MutexLock lock(&mutex_);
    if (free_bytes_.has_value()) return *free_bytes_;
  }
  return base_->FreeBytes(path);
}

}  // namespace cairn
