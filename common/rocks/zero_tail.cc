#include "common/rocks/zero_tail.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr uint64_t kStepBytes = uint64_t{1} << 20;
// RocksDB takes no file of these names for its own.
constexpr char kShorterSuffix[] = ".shorter";
constexpr char kUncutSuffix[] = ".uncut";

// Where the zeros begin that `file` ends in; its size if it ends in none.
absl::StatusOr<uint64_t> StartOfZeros(const File& file, uint64_t size) {
  for (uint64_t end = size; end > 0;) {
    const uint64_t begin = end - std::min(end, kStepBytes);
    ASSIGN_OR_RETURN(const std::string bytes, file.ReadAt(begin, end - begin));
    const size_t last = bytes.find_last_not_of('\0');
    if (last != std::string::npos) return begin + last + 1;
    end = begin;
  }
  return 0;
}

bool IsLog(std::string_view name) { return absl::EndsWith(name, ".log"); }

bool IsManifest(std::string_view name) {
  return absl::StartsWith(name, "MANIFEST-") &&
         !absl::EndsWith(name, kShorterSuffix) &&
         !absl::EndsWith(name, kUncutSuffix);
}

// The last of `names` in the order of RocksDB's numbers, which are padded
// with zeros to a width, among those that `matches` takes; or "".
std::string Newest(const std::vector<std::string>& names,
                   bool (*matches)(std::string_view)) {
  std::string newest;
  for (const std::string& name : names) {
    if (!matches(name)) continue;
    if (name.size() > newest.size() ||
        (name.size() == newest.size() && name > newest)) {
      newest = name;
    }
  }
  return newest;
}

// Copies the first `size` bytes of `path` to `copy`, durably.
absl::Status CopyStart(FileSystem& files, const std::string& path,
                       const std::string& copy, uint64_t size) {
  ASSIGN_OR_RETURN(const std::unique_ptr<File> from, files.OpenForRead(path));
  ASSIGN_OR_RETURN(const std::unique_ptr<File> to, files.Create(copy));
  for (uint64_t at = 0; at < size;) {
    ASSIGN_OR_RETURN(const std::string bytes,
                     from->ReadAt(at, std::min(kStepBytes, size - at)));
    if (bytes.empty()) {
      return absl::InternalError(
          absl::StrCat(path, ": ends at ", at, " bytes while it is copied"));
    }
    const std::string_view piece = bytes;
    RETURN_IF_ERROR(to->WriteAt(at, {&piece, 1}));
    at += bytes.size();
  }
  return to->Sync();
}

}  // namespace

std::string ZeroTails::PathOf(const std::string& name) const {
  return absl::StrCat(directory_, "/", name);
}

absl::StatusOr<bool> ZeroTails::Cut(Which which) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   files_->List(directory_));
  CutFile cut{.name = Newest(names, which == Which::kLog ? IsLog : IsManifest)};
  if (cut.name.empty()) return false;
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                     files_->OpenForRead(PathOf(cut.name)));
    ASSIGN_OR_RETURN(cut.old_size, file->Size());
    ASSIGN_OR_RETURN(const uint64_t zeros, StartOfZeros(*file, cut.old_size));
    cut.new_size = (zeros + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
    if (cut.new_size + kSectorBytes > cut.old_size) cut.new_size = zeros;
  }
  if (cut.new_size + kMinZeroBytes > cut.old_size) return false;
  RETURN_IF_ERROR(SetAside(cut));
  cuts_.push_back(std::move(cut));
  return true;
}

// A kill leaves the file, or NAME.uncut for Restore.
absl::Status ZeroTails::SetAside(const CutFile& cut) {
  const std::string path = PathOf(cut.name);
  RETURN_IF_ERROR(
      CopyStart(*files_, path, path + kShorterSuffix, cut.new_size));
  RETURN_IF_ERROR(files_->Rename(path, path + kUncutSuffix));
  RETURN_IF_ERROR(files_->Rename(path + kShorterSuffix, path));
  return files_->SyncDirectory(directory_);
}

absl::Status ZeroTails::Restore() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   files_->List(directory_));
  bool changed = false;
  for (const std::string& name : names) {
    if (absl::EndsWith(name, kUncutSuffix)) {
      const std::string_view uncut(absl::StripSuffix(name, kUncutSuffix));
      RETURN_IF_ERROR(files_->Rename(PathOf(name), PathOf(std::string(uncut))));
    } else if (absl::EndsWith(name, kShorterSuffix)) {
      RETURN_IF_ERROR(files_->Remove(PathOf(name)));
    } else {
      continue;
    }
    changed = true;
  }
  cuts_.clear();
  return changed ? files_->SyncDirectory(directory_) : absl::OkStatus();
}

absl::Status ZeroTails::Keep() {
  for (const CutFile& cut : cuts_) {
    RETURN_IF_ERROR(files_->Remove(PathOf(cut.name) + kUncutSuffix));
  }
  return files_->SyncDirectory(directory_);
}

std::string ZeroTails::Describe() const {
  return absl::StrJoin(cuts_, ", ", [](std::string* out, const CutFile& cut) {
    absl::StrAppend(out, cut.name, " from ", cut.old_size, " to ", cut.new_size,
                    " bytes");
  });
}

}  // namespace cairn
