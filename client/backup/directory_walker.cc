#include "client/backup/directory_walker.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "client/posix/local_error.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr int kDirectoryFlags =
    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;

std::string Problem(std::string_view path, std::string_view what, int error) {
  return std::string(LocalError(path, what, error).message());
}

// Names in the directory, sorted.
absl::StatusOr<std::vector<std::string>> ListNames(int directory,
                                                   const std::string& path) {
  // A descriptor of its own: fdopendir takes what it is given.
  const int fd = openat(directory, ".", kDirectoryFlags);
  if (fd < 0) return LocalError(path, "open directory", errno);
  DIR* stream = fdopendir(fd);
  if (stream == nullptr) {
    close(fd);
    return LocalError(path, "read directory", errno);
  }
  std::vector<std::string> names;
  int error = 0;
  while (names.size() < DirectoryWalker::kMaxNames) {
    errno = 0;
    const dirent* entry = readdir(stream);
    if (entry == nullptr) {
      error = errno;
      break;
    }
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  closedir(stream);
  if (error != 0) return LocalError(path, "read directory", error);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<DirectoryWalker>> DirectoryWalker::Open(
    Options options, ProblemLog* problems) {
  const std::string top = options.top;
  FileDescriptor directory(open(top.c_str(), kDirectoryFlags));
  if (!directory.valid()) return LocalError(top, "open directory", errno);
  struct stat status;
  if (fstat(directory.get(), &status) != 0) {
    return LocalError(top, "stat", errno);
  }
  ASSIGN_OR_RETURN(std::vector<std::string> names,
                   ListNames(directory.get(), top));
  std::unique_ptr<DirectoryWalker> walker(
      new DirectoryWalker(std::move(options), problems));
  walker->device_ = status.st_dev;
  walker->top_ = WalkEntry{
      .path = ".", .name = ".", .directory = directory.get(), .status = status};
  walker->levels_.push_back(
      Level{.directory = std::move(directory), .names = std::move(names)});
  return walker;
}

std::optional<WalkEntry> DirectoryWalker::Next() {
  if (top_.has_value()) return std::exchange(top_, std::nullopt);
  while (!levels_.empty()) {
    Level& level = levels_.back();
    if (level.next == level.names.size()) {
      levels_.pop_back();
      continue;
    }
    const std::string name = std::move(level.names[level.next++]);
    std::optional<WalkEntry> entry = Visit(name);
    if (entry.has_value()) return entry;
  }
  return std::nullopt;
}

std::optional<WalkEntry> DirectoryWalker::Visit(const std::string& name) {
  const Level& level = levels_.back();
  WalkEntry entry = {
      .path = level.path + name, .name = name, .parent = level.directory.get()};
  if (fstatat(entry.parent, name.c_str(), &entry.status, AT_SYMLINK_NOFOLLOW) !=
      0) {
    problems_->Add(errno == ENOENT
                       ? absl::StrCat(options_.top, "/", entry.path,
                                      ": gone before it was read; left out")
                       : Problem(absl::StrCat(options_.top, "/", entry.path),
                                 "stat", errno));
    return std::nullopt;
  }
  const bool is_directory = S_ISDIR(entry.status.st_mode);
  if (options_.exclude.Matches(entry.path, is_directory)) return std::nullopt;
  if (is_directory) {
    // A mount point is stored as an empty directory.
    const bool enter =
        options_.all_file_systems || entry.status.st_dev == device_;
    if (enter) entry.directory = Descend(entry);
  }
  return entry;
}

int DirectoryWalker::Descend(const WalkEntry& entry) {
  const std::string path = absl::StrCat(options_.top, "/", entry.path);
  if (levels_.size() >= kMaxDepth) {
    problems_->Add(absl::StrCat(path, ": more than ", kMaxDepth,
                                " directories deep; its content is left out"));
    return -1;
  }
  FileDescriptor directory(
      openat(entry.parent, entry.name.c_str(), kDirectoryFlags | O_NOFOLLOW));
  if (!directory.valid()) {
    problems_->Add(
        Problem(path, "open directory, its content is left out", errno));
    return -1;
  }
  absl::StatusOr<std::vector<std::string>> names =
      ListNames(directory.get(), path);
  if (!names.ok()) {
    problems_->Add(std::string(names.status().message()));
    return -1;
  }
  if (names->size() >= kMaxNames) {
    problems_->Add(absl::StrCat(path, ": more than ", kMaxNames,
                                " names; the rest is left out"));
  }
  const int fd = directory.get();
  levels_.push_back(Level{.directory = std::move(directory),
                          .path = entry.path + "/",
                          .names = *std::move(names)});
  return fd;
}

}  // namespace cairn::client
