#include "client/restore/tar_target.h"

#include <archive.h>
#include <archive_entry.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/posix/local_error.h"
#include "client/restore/file_target.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr int kDirectoryFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

constexpr int kSecurityFlags = ARCHIVE_EXTRACT_SECURE_SYMLINKS |
                               ARCHIVE_EXTRACT_SECURE_NODOTDOT |
                               ARCHIVE_EXTRACT_SECURE_NOABSOLUTEPATHS;
constexpr int kMetadataFlags = ARCHIVE_EXTRACT_PERM | ARCHIVE_EXTRACT_TIME |
                               ARCHIVE_EXTRACT_ACL | ARCHIVE_EXTRACT_XATTR |
                               ARCHIVE_EXTRACT_FFLAGS;

absl::StatusOr<bool> IsEmptyDirectory(int directory, const std::string& path) {
  const int fd = openat(directory, ".", kDirectoryFlags);
  if (fd < 0) return LocalError(path, "open directory", errno);
  DIR* stream = fdopendir(fd);
  if (stream == nullptr) {
    close(fd);
    return LocalError(path, "read directory", errno);
  }
  bool empty = true;
  while (const dirent* entry = readdir(stream)) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") empty = false;
  }
  closedir(stream);
  return empty;
}

std::string ErrorText(archive* from) {
  const char* text = archive_error_string(from);
  return text == nullptr ? "unknown error" : text;
}

// Errors after which going on would lose every further file too.
bool IsFatal(int error_number) {
  return error_number == ENOSPC || error_number == EDQUOT ||
         error_number == EROFS || error_number == EIO;
}

struct ArchiveFree {
  void operator()(archive* a) const { archive_free(a); }
};
using ArchivePtr = std::unique_ptr<archive, ArchiveFree>;

// Opens what is below `directory` and reached without a symbolic link.
FileDescriptor OpenBeneath(int directory, const std::string& path,
                           uint64_t flags) {
  struct open_how how = {};
  how.flags = flags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  return FileDescriptor(static_cast<int>(
      syscall(SYS_openat2, directory, path.c_str(), &how, sizeof(how))));
}

// Enters a directory, and goes back to the one before in the end.
class WorkingDirectory {
 public:
  explicit WorkingDirectory(int directory)
      : before_(open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)),
        entered_(before_.valid() && fchdir(directory) == 0) {}
  ~WorkingDirectory() {
    if (entered_ && fchdir(before_.get()) != 0) {
      // It was removed meanwhile: there is nothing to go back to.
    }
  }
  bool entered() const { return entered_; }

 private:
  const FileDescriptor before_;
  const bool entered_;
};

}  // namespace

std::string RefusalOfPath(std::string_view path) {
  if (path.empty()) return "it has no name";
  if (path.front() == '/') return "its path is absolute";
  for (const std::string_view part : absl::StrSplit(path, '/')) {
    if (part == "..") return "its path has \"..\"";
  }
  return "";
}

struct TarTarget::Reading {
  Pull pull;
  absl::Status failure;  // why the callback failed

  static la_ssize_t Read(archive* tar, void* self, const void** bytes) {
    auto* reading = static_cast<Reading*>(self);
    absl::StatusOr<std::string_view> piece = reading->pull();
    if (!piece.ok()) {
      reading->failure = piece.status();
      archive_set_error(tar, EIO, "the stream ended");
      return -1;
    }
    *bytes = piece->data();
    return static_cast<la_ssize_t>(piece->size());
  }
};

absl::StatusOr<std::unique_ptr<TarTarget>> TarTarget::Open(
    const Options& options, const Interrupt* interrupt, ProblemLog* problems) {
  if (mkdir(options.directory.c_str(), 0700) != 0 && errno != EEXIST) {
    return LocalError(options.directory, "create directory", errno);
  }
  FileDescriptor directory(open(options.directory.c_str(), kDirectoryFlags));
  if (!directory.valid()) {
    return LocalError(options.directory, "open directory", errno);
  }
  ASSIGN_OR_RETURN(const bool empty,
                   IsEmptyDirectory(directory.get(), options.directory));
  if (!empty && !options.overwrite) {
    return absl::AlreadyExistsError(absl::StrCat(
        options.directory,
        " is not empty; --overwrite restores into it, over what has the same "
        "name"));
  }
  return std::unique_ptr<TarTarget>(
      new TarTarget(options, std::move(directory), interrupt, problems));
}

absl::StatusOr<TarTarget::Report> TarTarget::Extract(Pull pull) {
  Report report;
  {
    // libarchive checks paths against the working directory only.
    const WorkingDirectory here(directory_.get());
    if (!here.entered()) {
      return LocalError(options_.directory, "enter directory", errno);
    }
    RETURN_IF_ERROR(ExtractHere(std::move(pull), &report));
  }
  if (syncfs(directory_.get()) != 0) {
    return LocalError(options_.directory, "sync", errno);
  }
  RETURN_IF_ERROR(SyncParent(options_.directory));
  return report;
}

absl::Status TarTarget::ExtractHere(Pull pull, Report* report) {
  const absl::Status status = ExtractAll(std::move(pull), report);
  return status.ok() ? status : RemoveIncomplete(status);
}

absl::Status TarTarget::RemoveIncomplete(const absl::Status& error) {
  absl::Status told = error;
  for (const std::string& path : incomplete_) {
    const int failure = RemoveBeneath(path);
    told = WithContext(
        told,
        failure == 0
            ? absl::StrCat(path, " was not complete and is removed")
            : absl::StrCat(path, " is not complete and cannot be removed (",
                           LocalError(path, "remove", failure).message(), ")"));
  }
  incomplete_.clear();
  return told;
}

int TarTarget::RemoveBeneath(const std::string& path) const {
  const std::string_view named =
      std::string_view(path).substr(0, path.find_last_not_of('/') + 1);
  const size_t slash = named.rfind('/');
  const std::string parent(
      slash == std::string_view::npos ? "." : named.substr(0, slash));
  const std::string name(
      slash == std::string_view::npos ? named : named.substr(slash + 1));
  const FileDescriptor folder =
      OpenBeneath(directory_.get(), parent, kDirectoryFlags);
  if (!folder.valid()) return errno == ENOENT ? 0 : errno;
  if (unlinkat(folder.get(), name.c_str(), 0) == 0) return 0;
  return errno == ENOENT ? 0 : errno;
}

absl::Status TarTarget::ExtractAll(Pull pull, Report* report) {
  Reading reading = {.pull = std::move(pull)};
  const ArchivePtr tar(archive_read_new());
  const ArchivePtr disk(archive_write_disk_new());
  int flags = kSecurityFlags | kMetadataFlags;
  if (options_.restore_owner) flags |= ARCHIVE_EXTRACT_OWNER;
  archive_write_disk_set_options(disk.get(), flags);
  archive_write_disk_set_standard_lookup(disk.get());
  archive_read_support_format_tar(tar.get());
  if (archive_read_open(tar.get(), &reading, nullptr, Reading::Read, nullptr) !=
      ARCHIVE_OK) {
    RETURN_IF_ERROR(reading.failure);
    return absl::DataLossError(
        absl::StrCat("not a tar stream: ", ErrorText(tar.get())));
  }
  RETURN_IF_ERROR(ExtractEntries(reading, tar.get(), disk.get(), report));
  // Modes and times of directories are set here, when all is inside.
  if (archive_write_close(disk.get()) != ARCHIVE_OK) {
    Problem(".", disk.get());
  }
  SetDirectoryTimes();
  return absl::OkStatus();
}

void TarTarget::KeepDirectoryTime(const std::string& path,
                                  archive_entry* entry) {
  struct stat status;
  if (archive_entry_filetype(entry) != AE_IFDIR ||
      !archive_entry_mtime_is_set(entry) || lstat(path.c_str(), &status) != 0 ||
      !S_ISDIR(status.st_mode)) {
    return;
  }
  directory_times_[path] = {.tv_sec = archive_entry_mtime(entry),
                            .tv_nsec = archive_entry_mtime_nsec(entry)};
}

void TarTarget::SetDirectoryTimes() {
  for (const auto& [path, time] : directory_times_) {
    // Later entries may have put links where directories were.
    const FileDescriptor fd =
        OpenBeneath(directory_.get(), path, kDirectoryFlags);
    const struct timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT},
                                      time};
    if (!fd.valid() || futimens(fd.get(), times) != 0) {
      problems_->Add(std::string(
          LocalError(path, "set the modification time", errno).message()));
    }
  }
}

absl::Status TarTarget::ExtractEntries(Reading& reading, archive* tar,
                                       archive* disk, Report* report) {
  while (true) {
    RETURN_IF_ERROR(interrupt_->Check());
    archive_entry* entry = nullptr;
    const int result = archive_read_next_header(tar, &entry);
    if (result == ARCHIVE_EOF) break;
    if (result < ARCHIVE_WARN) {
      RETURN_IF_ERROR(reading.failure);
      return absl::DataLossError(absl::StrCat(
          "tar stream, after entry ", report->entries, ": ", ErrorText(tar)));
    }
    ++report->entries;
    if (result == ARCHIVE_WARN) {
      const char* path = archive_entry_pathname(entry);
      Problem(path == nullptr ? "(unnamed)" : path, tar);
    }
    RETURN_IF_ERROR(ExtractEntry(reading, tar, disk, entry, report));
  }
  // What follows the end mark is read too, so that every byte was checked.
  while (true) {
    ASSIGN_OR_RETURN(const std::string_view rest, reading.pull());
    if (rest.empty()) return absl::OkStatus();
  }
}

absl::Status TarTarget::ExtractEntry(Reading& reading, archive* tar,
                                     archive* disk, archive_entry* entry,
                                     Report* report) {
  const char* raw_path = archive_entry_pathname(entry);
  const std::string path = raw_path == nullptr ? "" : raw_path;
  std::string refusal = RefusalOfPath(path);
  const char* link = archive_entry_hardlink(entry);
  if (refusal.empty() && link != nullptr) {
    refusal = RefusalOfPath(link);
    if (!refusal.empty()) refusal = "hard link to " + std::string(link);
  }
  if (!refusal.empty()) {
    ++report->refused;
    problems_->Add(absl::StrCat("entry \"", path, "\" is refused: ", refusal));
    return absl::OkStatus();
  }
  KeepDirectoryTime(path, entry);
  const int result = archive_write_header(disk, entry);
  if (result != ARCHIVE_OK) {
    if (IsFatal(archive_errno(disk))) {
      return LocalError(path, "create", archive_errno(disk));
    }
    Problem(path, disk);
    if (result == ARCHIVE_FATAL) {
      return absl::InternalError(absl::StrCat(path, ": ", ErrorText(disk)));
    }
    if (result == ARCHIVE_FAILED) {
      ++report->refused;
      return absl::OkStatus();
    }
  }
  if (archive_entry_size(entry) > 0 || archive_entry_sparse_count(entry) > 0) {
    // Freeing `disk` gives even a file that was cut its size and time.
    incomplete_ = {path};
    if (link != nullptr) incomplete_.push_back(link);
    RETURN_IF_ERROR(CopyContent(reading, tar, disk, path));
  }
  if (archive_write_finish_entry(disk) != ARCHIVE_OK) {
    if (IsFatal(archive_errno(disk))) {
      return LocalError(path, "write", archive_errno(disk));
    }
    Problem(path, disk);
  }
  incomplete_.clear();
  return absl::OkStatus();
}

absl::Status TarTarget::CopyContent(Reading& reading, archive* tar,
                                    archive* disk, const std::string& path) {
  while (true) {
    RETURN_IF_ERROR(interrupt_->Check());
    const void* bytes;
    size_t length;
    la_int64_t offset;
    const int read = archive_read_data_block(tar, &bytes, &length, &offset);
    if (read == ARCHIVE_EOF) return absl::OkStatus();
    if (read < ARCHIVE_WARN) {
      RETURN_IF_ERROR(reading.failure);
      return absl::DataLossError(
          absl::StrCat("tar stream, in ", path, ": ", ErrorText(tar)));
    }
    if (archive_write_data_block(disk, bytes, length, offset) < ARCHIVE_OK) {
      const int error = archive_errno(disk);
      return LocalError(path, "write", error == 0 ? EIO : error);
    }
  }
}

void TarTarget::Problem(const std::string& path, archive* from) {
  problems_->Add(
      absl::StrCat(options_.directory, "/", path, ": ", ErrorText(from)));
  archive_clear_error(from);
}

}  // namespace cairn::client
