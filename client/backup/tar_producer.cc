#include "client/backup/tar_producer.h"

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/posix/local_error.h"
#include "client/transfer/frame.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr uint64_t kMinHoleBytes = 4096;

// What changes from run to run, or cannot be restored.
void RemoveVolatile(archive_entry* entry) {
  archive_entry_unset_atime(entry);
  archive_entry_unset_ctime(entry);
  archive_entry_unset_birthtime(entry);
  archive_entry_set_dev(entry, 0);
  archive_entry_set_ino(entry, 0);
  archive_entry_set_nlink(entry, 1);
}

void AddSparseMap(const std::vector<Extent>& extents, uint64_t size,
                  archive_entry* entry) {
  const bool sparse =
      std::any_of(extents.begin(), extents.end(),
                  [](const Extent& extent) { return extent.is_hole; });
  if (!sparse) return;
  bool any_data = false;
  for (const Extent& extent : extents) {
    if (extent.is_hole) continue;
    any_data = true;
    archive_entry_sparse_add_entry(
        entry, static_cast<la_int64_t>(extent.offset),
        static_cast<la_int64_t>(extent.end - extent.offset));
  }
  if (!any_data) {
    archive_entry_sparse_add_entry(entry, static_cast<la_int64_t>(size), 0);
  }
}

class Entry {
 public:
  Entry() : entry_(archive_entry_new()) {}
  ~Entry() { archive_entry_free(entry_); }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;
  archive_entry* get() const { return entry_; }

 private:
  archive_entry* const entry_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TarProducer>> TarProducer::Open(
    const Options& options, const Interrupt* interrupt, ProblemLog* problems) {
  ASSIGN_OR_RETURN(ExcludeList exclude, ExcludeList::Create(options.exclude));
  ASSIGN_OR_RETURN(
      std::unique_ptr<DirectoryWalker> walker,
      DirectoryWalker::Open({.top = options.directory,
                             .exclude = std::move(exclude),
                             .all_file_systems = options.all_file_systems},
                            problems));
  std::unique_ptr<TarProducer> producer(
      new TarProducer(options, interrupt, problems));
  producer->walker_ = std::move(walker);
  RETURN_IF_ERROR(producer->Start());
  return producer;
}

TarProducer::TarProducer(const Options& options, const Interrupt* interrupt,
                         ProblemLog* problems)
    : top_(options.directory), interrupt_(interrupt), problems_(problems) {}

TarProducer::~TarProducer() {
  // Closing would fill up the file that is open, however large it is, and not
  // closing would leak: so it is closed, and fails at its first write.
  output_.abandoned = true;
  if (writer_ != nullptr) archive_write_free(writer_);
  if (disk_ != nullptr) archive_read_free(disk_);
}

absl::Status TarProducer::Start() {
  disk_ = archive_read_disk_new();
  writer_ = archive_write_new();
  archive_read_disk_set_standard_lookup(disk_);
  archive_read_disk_set_symlink_physical(disk_);
  // Holes are found here, with one rule for all sources.
  archive_read_disk_set_behavior(disk_, ARCHIVE_READDISK_NO_SPARSE);
  archive_write_set_format_pax(writer_);
  // Names and texts go out as the bytes they are; xattrs in the form that
  // GNU tar reads too.
  archive_write_set_options(writer_, "hdrcharset=BINARY,xattrheader=SCHILY");
  archive_write_set_bytes_per_block(writer_, 0);
  archive_write_set_bytes_in_last_block(writer_, 1);
  const auto append = [](archive* writer, void* self, const void* bytes,
                         size_t length) -> la_ssize_t {
    auto* output = static_cast<Output*>(self);
    if (output->abandoned) {
      archive_set_error(writer, ECANCELED, "abandoned");
      return -1;
    }
    output->pending.append(static_cast<const char*>(bytes), length);
    return static_cast<la_ssize_t>(length);
  };
  if (archive_write_open(writer_, &output_, nullptr, append, nullptr) !=
      ARCHIVE_OK) {
    return WriterError();
  }
  return absl::OkStatus();
}

absl::Status TarProducer::WriterError() const {
  const char* text = archive_error_string(writer_);
  return absl::InternalError(absl::StrCat(
      top_, ": tar writer: ", text == nullptr ? "unknown error" : text));
}

void TarProducer::Problem(const std::string& path, std::string_view text) {
  problems_->Add(absl::StrCat(top_, "/", path, ": ", text));
}

absl::StatusOr<std::optional<std::string>> TarProducer::Read() {
  while (output_.pending.size() < kFrameBytes && !ended_) {
    RETURN_IF_ERROR(interrupt_->Check());
    RETURN_IF_ERROR(Step());
  }
  if (output_.pending.size() <= kFrameBytes)
    return std::exchange(output_.pending, {});
  std::string frame = output_.pending.substr(0, kFrameBytes);
  output_.pending.erase(0, kFrameBytes);
  return frame;
}

absl::Status TarProducer::Step() {
  if (open_ != nullptr) return WriteFileBlock();
  const std::optional<WalkEntry> entry = walker_->Next();
  if (entry.has_value()) return WriteEntry(*entry);
  ended_ = true;
  if (archive_write_close(writer_) != ARCHIVE_OK) return WriterError();
  return absl::OkStatus();
}

absl::Status TarProducer::WriteEntry(const WalkEntry& entry) {
  if (S_ISSOCK(entry.status.st_mode)) return absl::OkStatus();
  if (!S_ISDIR(entry.status.st_mode) && entry.status.st_nlink > 1) {
    const auto key =
        std::make_pair(uint64_t{entry.status.st_dev}, entry.status.st_ino);
    const auto first = links_.find(key);
    if (first != links_.end()) {
      Entry out;
      archive_entry_copy_stat(out.get(), &entry.status);
      RemoveVolatile(out.get());
      archive_entry_copy_pathname(out.get(), ("./" + entry.path).c_str());
      archive_entry_copy_hardlink(out.get(), ("./" + first->second).c_str());
      archive_entry_unset_size(out.get());
      return WriteHeader(out.get(), entry.path);
    }
  }
  return S_ISREG(entry.status.st_mode) ? WriteRegular(entry)
                                       : WriteOther(entry);
}

bool TarProducer::Describe(const WalkEntry& entry, int fd,
                           const struct stat& status, archive_entry* out) {
  // Through /proc, so that neither a long path nor a directory that was
  // replaced meanwhile leads elsewhere.
  const std::string source =
      fd >= 0 ? absl::StrCat("/proc/self/fd/", fd)
              : absl::StrCat("/proc/self/fd/", entry.parent, "/", entry.name);
  archive_entry_copy_sourcepath(out, source.c_str());
  archive_entry_copy_pathname(
      out, entry.path == "." ? "./" : ("./" + entry.path).c_str());
  const int result = archive_read_disk_entry_from_file(disk_, out, fd, &status);
  if (result < ARCHIVE_WARN) {
    const char* text = archive_error_string(disk_);
    Problem(entry.path, text == nullptr ? "its metadata cannot be read" : text);
    return false;
  }
  if (result == ARCHIVE_WARN) {
    const char* text = archive_error_string(disk_);
    Problem(entry.path, absl::StrCat("part of its metadata is left out: ",
                                     text == nullptr ? "unreadable" : text));
  }
  const char* name;
  const void* value;
  size_t size;
  archive_entry_xattr_reset(out);
  while (archive_entry_xattr_next(out, &name, &value, &size) == ARCHIVE_OK) {
    if (absl::StrContains(name, '=')) {
      Problem(entry.path, absl::StrCat("the extended attribute ", name,
                                       " has a name that tar cannot hold"));
    }
  }
  RemoveVolatile(out);
  return true;
}

absl::Status TarProducer::WriteHeader(archive_entry* entry,
                                      const std::string& path) {
  const int result = archive_write_header(writer_, entry);
  if (result == ARCHIVE_FATAL) return WriterError();
  if (result != ARCHIVE_OK) {
    const char* text = archive_error_string(writer_);
    Problem(path, text == nullptr ? "its tar header is incomplete" : text);
  }
  return absl::OkStatus();
}

absl::Status TarProducer::WriteOther(const WalkEntry& entry) {
  Entry out;
  if (!Describe(entry, entry.directory, entry.status, out.get())) {
    return absl::OkStatus();
  }
  if (!S_ISDIR(entry.status.st_mode) && entry.status.st_nlink > 1 &&
      links_.size() < kMaxHardLinks) {
    links_.emplace(
        std::make_pair(uint64_t{entry.status.st_dev}, entry.status.st_ino),
        entry.path);
  }
  return WriteHeader(out.get(), entry.path);
}

absl::Status TarProducer::WriteRegular(const WalkEntry& entry) {
  constexpr int kFlags =
      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;
  int fd = openat(entry.parent, entry.name.c_str(), kFlags | O_NOATIME);
  if (fd < 0 && errno == EPERM) {
    fd = openat(entry.parent, entry.name.c_str(), kFlags);
  }
  if (fd < 0) {
    Problem(entry.path, errno == ENOENT
                            ? "gone before it was read; left out"
                            : LocalError("open", "left out", errno).message());
    return absl::OkStatus();
  }
  auto opened = std::make_unique<OpenFile>(
      OpenFile{.file = LocalFile(FileDescriptor(fd), entry.path)});
  struct stat status;
  const absl::StatusOr<FileFacts> facts = opened->file.Facts();
  if (!facts.ok() || !facts->is_regular || fstat(fd, &status) != 0) {
    Problem(entry.path, "replaced by something else; left out");
    return absl::OkStatus();
  }
  opened->facts = *facts;
  const uint64_t size = facts->size_bytes;
  absl::StatusOr<std::vector<Extent>> extents =
      opened->file.Extents(size, kMinHoleBytes, kMaxExtents);
  opened->extents = extents.ok() ? *std::move(extents)
                                 : std::vector<Extent>{{false, 0, size}};
  Entry out;
  status.st_size = static_cast<off_t>(size);
  if (!Describe(entry, fd, status, out.get())) return absl::OkStatus();
  AddSparseMap(opened->extents, size, out.get());
  RETURN_IF_ERROR(WriteHeader(out.get(), entry.path));
  if (status.st_nlink > 1 && links_.size() < kMaxHardLinks) {
    links_.emplace(std::make_pair(facts->device, facts->inode), entry.path);
  }
  open_ = std::move(opened);
  return absl::OkStatus();
}

absl::Status TarProducer::WriteFileBlock() {
  OpenFile& open = *open_;
  const uint64_t size = open.facts.size_bytes;
  if (open.position >= size) return FinishFile();
  while (open.extents[open.extent].end <= open.position) ++open.extent;
  const Extent& extent = open.extents[open.extent];
  const size_t length = static_cast<size_t>(
      std::min<uint64_t>(kFrameBytes, extent.end - open.position));
  std::string block;
  if (!extent.is_hole && !open.damaged) {
    absl::StatusOr<std::string> read = open.file.Read(open.position, length);
    if (!read.ok()) {
      Problem(open.file.path(), absl::StrCat(read.status().message(),
                                             "; the rest is stored as zeros"));
      open.damaged = true;
    } else {
      block = *std::move(read);
    }
  }
  if (!extent.is_hole && block.size() < length && !open.damaged) {
    Problem(open.file.path(),
            absl::StrCat("became shorter than ", size,
                         " bytes while it was read; the rest is stored as "
                         "zeros"));
    open.damaged = true;
  }
  block.resize(length, '\0');
  const la_ssize_t written =
      archive_write_data(writer_, block.data(), block.size());
  if (written < 0) return WriterError();
  open.position += length;
  return absl::OkStatus();
}

absl::Status TarProducer::FinishFile() {
  const absl::StatusOr<FileFacts> now = open_->file.Facts();
  if (!open_->damaged && now.ok() && !(*now == open_->facts)) {
    const bool grew = now->size_bytes > open_->facts.size_bytes;
    // A changed change time alone is a new mode, owner or link.
    if (grew || now->modify_time_ns != open_->facts.modify_time_ns) {
      Problem(open_->file.path(),
              grew ? absl::StrCat("grew from ", open_->facts.size_bytes,
                                  " bytes while it was read; the rest is "
                                  "left out")
                   : "written while it was read");
    }
  }
  open_.reset();
  if (archive_write_finish_entry(writer_) != ARCHIVE_OK) return WriterError();
  return absl::OkStatus();
}

}  // namespace cairn::client
