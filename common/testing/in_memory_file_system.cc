#include "common/testing/in_memory_file_system.h"

#include <algorithm>
#include <set>
#include <span>
#include <utility>

#include "absl/random/distributions.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr uint64_t kSectorBytes = 512;

std::vector<std::string> Components(std::string_view path) {
  return absl::StrSplit(path, '/', absl::SkipEmpty());
}

template <typename NodePtr>
void SetName(std::map<std::string, NodePtr>& entries, const std::string& name,
             const NodePtr& node) {
  if (node == nullptr) {
    entries.erase(name);
  } else {
    entries[name] = node;
  }
}

absl::Status NotFound(std::string_view path) {
  return absl::NotFoundError(absl::StrCat(path, ": does not exist"));
}

}  // namespace

// A file or a directory, as programs see it and as it would be after a power
// cut. Guarded by the mutex of its file system.
struct InMemoryFileSystem::Node {
  explicit Node(bool is_directory_in) : is_directory(is_directory_in) {}

  const bool is_directory;
  std::string data, durable_data;
  std::set<uint64_t> unsynced_sectors;
  std::map<std::string, NodePtr> entries, durable_entries;

  void Write(uint64_t offset, std::string_view bytes) {
    if (bytes.empty()) return;
    const uint64_t end = offset + bytes.size();
    if (end > data.size()) data.resize(end, '\0');
    data.replace(offset, bytes.size(), bytes);
    for (uint64_t s = offset / kSectorBytes; s <= (end - 1) / kSectorBytes;
         ++s) {
      unsynced_sectors.insert(s);
    }
  }

  void Sync() {
    durable_data = data;
    unsynced_sectors.clear();
  }

  // Keeps of the unsynced sectors what chance keeps.
  void KeepSome(absl::BitGenRef random) {
    if (unsynced_sectors.empty() && data.size() == durable_data.size()) return;
    const uint64_t synced_size = durable_data.size();
    uint64_t size = synced_size;
    if (data.size() > size) {
      // As often one of the ends as something between.
      switch (absl::Uniform(random, 0, 3)) {
        case 0:
          break;
        case 1:
          size = data.size();
          break;
        default:
          size = absl::Uniform<uint64_t>(absl::IntervalClosed, random, size,
                                         data.size());
      }
      durable_data.resize(size, '\0');
    }
    for (const uint64_t sector : unsynced_sectors) {
      const uint64_t start = sector * kSectorBytes;
      if (start >= size || absl::Bernoulli(random, 0.5)) continue;
      const uint64_t length = std::min(kSectorBytes, size - start);
      durable_data.replace(start, length, data, start, length);
    }
  }

  // Becomes, with all below, what is durable.
  void Restart(absl::BitGenRef* random, std::set<Node*>& seen) {
    if (!seen.insert(this).second) return;
    if (random != nullptr) KeepSome(*random);
    data = durable_data;
    unsynced_sectors.clear();
    entries = durable_entries;
    for (const auto& [name, node] : entries) node->Restart(random, seen);
  }
};

class InMemoryFileSystem::OpenFile final : public File {
 public:
  OpenFile(InMemoryFileSystem* files, NodePtr node, std::string path,
           bool writable, uint64_t life)
      : files_(files),
        node_(std::move(node)),
        path_(std::move(path)),
        writable_(writable),
        life_(life) {}

  absl::Status WriteAt(uint64_t offset,
                       std::span<const std::string_view> pieces) override {
    absl::MutexLock lock(&files_->mutex_);
    RETURN_IF_ERROR(CheckLife());
    if (!writable_) {
      return absl::InternalError(
          absl::StrCat(path_, ": write: open for reading only"));
    }
    uint64_t length = 0;
    for (const std::string_view piece : pieces) length += piece.size();
    if (length == 0) return absl::OkStatus();
    const uint64_t size = node_->data.size();
    const uint64_t growth = std::max(size, offset + length) - size;
    if (growth > files_->free_bytes_) {
      return WithReason(
          absl::ResourceExhaustedError(absl::StrCat(
              path_, ": write at ", offset, ": no space left on device")),
          reason::kStorageFull);
    }
    files_->free_bytes_ -= growth;
    for (const std::string_view piece : pieces) {
      node_->Write(offset, piece);
      offset += piece.size();
    }
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> ReadAt(uint64_t offset,
                                     size_t length) const override {
    absl::MutexLock lock(&files_->mutex_);
    RETURN_IF_ERROR(CheckLife());
    if (offset >= node_->data.size()) return std::string();
    return node_->data.substr(offset, length);
  }

  absl::Status Sync() override {
    absl::MutexLock lock(&files_->mutex_);
    RETURN_IF_ERROR(CheckLife());
    node_->Sync();
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() const override {
    absl::MutexLock lock(&files_->mutex_);
    RETURN_IF_ERROR(CheckLife());
    return node_->data.size();
  }

  void Prefetch(uint64_t /*offset*/, uint64_t /*length*/) const override {}

 private:
  absl::Status CheckLife() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(files_->mutex_) {
    if (life_ == files_->life_) return absl::OkStatus();
    return absl::InternalError(
        absl::StrCat(path_, ": was open before the power cut"));
  }

  InMemoryFileSystem* const files_;
  const NodePtr node_;
  const std::string path_;
  const bool writable_;
  const uint64_t life_;
};

InMemoryFileSystem::InMemoryFileSystem()
    : root_(std::make_shared<Node>(/*is_directory=*/true)) {}

InMemoryFileSystem::~InMemoryFileSystem() = default;

void InMemoryFileSystem::Restart(absl::BitGenRef* random) {
  for (const NameOperation& operation : pending_) {
    if (random == nullptr || absl::Bernoulli(*random, 0.5)) continue;
    for (const NameChange& change : operation) {
      SetName(change.directory->durable_entries, change.name, change.node);
    }
  }
  pending_.clear();
  std::set<Node*> seen;
  root_->Restart(random, seen);
  ++life_;
}

void InMemoryFileSystem::PowerCutLosingAll() {
  absl::MutexLock lock(&mutex_);
  Restart(nullptr);
}

void InMemoryFileSystem::PowerCut(absl::BitGenRef random) {
  absl::MutexLock lock(&mutex_);
  Restart(&random);
}

void InMemoryFileSystem::SetFreeBytes(uint64_t free_bytes) {
  absl::MutexLock lock(&mutex_);
  free_bytes_ = free_bytes;
}

InMemoryFileSystem::NodePtr InMemoryFileSystem::Find(
    std::string_view path) const {
  NodePtr node = root_;
  for (const std::string& name : Components(path)) {
    const auto found = node->entries.find(name);
    if (found == node->entries.end()) return nullptr;
    node = found->second;
  }
  return node;
}

absl::StatusOr<InMemoryFileSystem::Place> InMemoryFileSystem::FindPlace(
    const std::string& path) const {
  const size_t slash = path.find_last_of('/');
  const size_t name_at = slash == std::string::npos ? 0 : slash + 1;
  const NodePtr directory = Find(std::string_view(path).substr(0, name_at));
  if (directory == nullptr || !directory->is_directory ||
      name_at == path.size()) {
    return NotFound(path);
  }
  return Place{directory, path.substr(name_at)};
}

absl::StatusOr<InMemoryFileSystem::NodePtr> InMemoryFileSystem::FindDirectory(
    const std::string& path) const {
  NodePtr node = Find(path);
  if (node == nullptr || !node->is_directory) return NotFound(path);
  return node;
}

void InMemoryFileSystem::Apply(NameOperation operation) {
  for (const NameChange& change : operation) {
    SetName(change.directory->entries, change.name, change.node);
  }
  pending_.push_back(std::move(operation));
}

absl::StatusOr<std::unique_ptr<File>> InMemoryFileSystem::Create(
    const std::string& path) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const Place place, FindPlace(path));
  if (place.directory->entries.contains(place.name)) {
    return absl::AlreadyExistsError(absl::StrCat(path, ": exists"));
  }
  const NodePtr node = std::make_shared<Node>(/*is_directory=*/false);
  Apply({{place.directory, place.name, node}});
  return std::make_unique<OpenFile>(this, node, path, true, life_);
}

absl::StatusOr<std::unique_ptr<File>> InMemoryFileSystem::Open(
    const std::string& path, bool writable) const {
  absl::MutexLock lock(&mutex_);
  const NodePtr node = Find(path);
  if (node == nullptr) return NotFound(path);
  if (node->is_directory) {
    return absl::InternalError(absl::StrCat(path, ": is not a regular file"));
  }
  // A file changes its file system only if it was opened for that.
  return std::make_unique<OpenFile>(const_cast<InMemoryFileSystem*>(this), node,
                                    path, writable, life_);
}

absl::StatusOr<std::unique_ptr<File>> InMemoryFileSystem::OpenForRead(
    const std::string& path) const {
  return Open(path, /*writable=*/false);
}

absl::StatusOr<std::unique_ptr<File>> InMemoryFileSystem::OpenForWrite(
    const std::string& path) {
  return Open(path, /*writable=*/true);
}

absl::Status InMemoryFileSystem::Rename(const std::string& from,
                                        const std::string& to) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const Place source, FindPlace(from));
  ASSIGN_OR_RETURN(const Place target, FindPlace(to));
  const auto found = source.directory->entries.find(source.name);
  if (found == source.directory->entries.end()) return NotFound(from);
  const NodePtr node = found->second;
  const auto replaced = target.directory->entries.find(target.name);
  if (replaced != target.directory->entries.end()) {
    if (replaced->second == node) return absl::OkStatus();
    if (replaced->second->is_directory || node->is_directory) {
      return absl::InternalError(
          absl::StrCat(from, ": rename to ", to, ": is a directory"));
    }
    free_bytes_ += replaced->second->data.size();
  }
  Apply({{source.directory, source.name, nullptr},
         {target.directory, target.name, node}});
  return absl::OkStatus();
}

absl::Status InMemoryFileSystem::Remove(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const Place place, FindPlace(path));
  const auto found = place.directory->entries.find(place.name);
  if (found == place.directory->entries.end()) return NotFound(path);
  if (found->second->is_directory) {
    return absl::InternalError(absl::StrCat(path, ": is a directory"));
  }
  free_bytes_ += found->second->data.size();
  Apply({{place.directory, place.name, nullptr}});
  return absl::OkStatus();
}

absl::Status InMemoryFileSystem::CreateDirectories(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  NodePtr node = root_;
  for (const std::string& name : Components(path)) {
    const auto found = node->entries.find(name);
    NodePtr next;
    if (found != node->entries.end()) {
      next = found->second;
    } else {
      next = std::make_shared<Node>(/*is_directory=*/true);
      Apply({{node, name, next}});
    }
    if (!next->is_directory) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": ", name, " is a file, must be a directory"));
    }
    node = next;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> InMemoryFileSystem::List(
    const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const NodePtr node, FindDirectory(path));
  std::vector<std::string> names;
  for (const auto& [name, entry] : node->entries) names.push_back(name);
  return names;
}

absl::Status InMemoryFileSystem::SyncDirectory(const std::string& path) {
  absl::MutexLock lock(&mutex_);
  ASSIGN_OR_RETURN(const NodePtr node, FindDirectory(path));
  std::vector<NameOperation> left;
  for (NameOperation& operation : pending_) {
    const bool is_here = std::any_of(
        operation.begin(), operation.end(),
        [&node](const NameChange& c) { return c.directory == node; });
    if (!is_here) {
      left.push_back(std::move(operation));
      continue;
    }
    for (const NameChange& change : operation) {
      SetName(change.directory->durable_entries, change.name, change.node);
    }
  }
  pending_ = std::move(left);
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> InMemoryFileSystem::FreeBytes(
    const std::string& path) const {
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(FindDirectory(path).status());
  return free_bytes_;
}

}  // namespace cairn
