#include "common/rocks/zero_tail.h"

#include <algorithm>
#include <memory>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr uint64_t kStepBytes = uint64_t{1} << 20;
constexpr char kShorterSuffix[] = ".shorter";

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

// The last of `names` in the order of RocksDB's numbers, which are padded
// with zeros to a width, among those that `matches` takes; or "".
template <typename Matches>
std::string Newest(const std::vector<std::string>& names, Matches matches) {
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

}  // namespace

std::string ZeroTails::PathOf(const std::string& name) const {
  return absl::StrCat(directory_, "/", name);
}

absl::StatusOr<bool> ZeroTails::Cut() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names,
                   files_->List(directory_));
  for (const std::string& name : names) {
    if (absl::EndsWith(name, kShorterSuffix)) {
      RETURN_IF_ERROR(files_->Remove(PathOf(name)));
    }
  }
  const std::string log = Newest(names, [](std::string_view name) {
    return absl::EndsWith(name, ".log");
  });
  const std::string manifest = Newest(names, [](std::string_view name) {
    return absl::StartsWith(name, "MANIFEST-") &&
           !absl::EndsWith(name, kShorterSuffix);
  });
  for (const std::string& name : {log, manifest}) {
    if (!name.empty()) RETURN_IF_ERROR(CutFileOf(name));
  }
  return !cuts_.empty();
}

absl::Status ZeroTails::CutFileOf(const std::string& name) {
  CutFile cut{.name = name};
  {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                     files_->OpenForRead(PathOf(name)));
    ASSIGN_OR_RETURN(cut.old_size, file->Size());
    ASSIGN_OR_RETURN(const uint64_t zeros, StartOfZeros(*file, cut.old_size));
    cut.new_size = (zeros + kSectorBytes - 1) / kSectorBytes * kSectorBytes;
  }
  if (cut.new_size + kSectorBytes > cut.old_size) return absl::OkStatus();
  RETURN_IF_ERROR(Shorten(cut));
  cuts_.push_back(std::move(cut));
  return absl::OkStatus();
}

// By a shorter copy in its place, so that a kill leaves one or the other.
absl::Status ZeroTails::Shorten(const CutFile& cut) {
  const std::string path = PathOf(cut.name);
  const std::string copy = path + kShorterSuffix;
  ASSIGN_OR_RETURN(const std::unique_ptr<File> from, files_->OpenForRead(path));
  ASSIGN_OR_RETURN(const std::unique_ptr<File> to, files_->Create(copy));
  for (uint64_t at = 0; at < cut.new_size;) {
    ASSIGN_OR_RETURN(const std::string bytes,
                     from->ReadAt(at, std::min(kStepBytes, cut.new_size - at)));
    if (bytes.empty()) {
      return absl::InternalError(
          absl::StrCat(path, ": ends at ", at, " bytes while it is copied"));
    }
    const std::string_view piece = bytes;
    RETURN_IF_ERROR(to->WriteAt(at, {&piece, 1}));
    at += bytes.size();
  }
  RETURN_IF_ERROR(to->Sync());
  RETURN_IF_ERROR(files_->Rename(copy, path));
  return files_->SyncDirectory(directory_);
}

absl::Status ZeroTails::Undo() {
  for (const CutFile& cut : cuts_) {
    ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                     files_->OpenForWrite(PathOf(cut.name)));
    for (uint64_t at = cut.new_size; at < cut.old_size;) {
      const std::string zeros(std::min(kStepBytes, cut.old_size - at), '\0');
      const std::string_view piece = zeros;
      RETURN_IF_ERROR(file->WriteAt(at, {&piece, 1}));
      at += zeros.size();
    }
    RETURN_IF_ERROR(file->Sync());
  }
  cuts_.clear();
  return absl::OkStatus();
}

std::string ZeroTails::Describe() const {
  return absl::StrJoin(cuts_, ", ", [](std::string* out, const CutFile& cut) {
    absl::StrAppend(out, cut.name, " from ", cut.old_size, " to ", cut.new_size,
                    " bytes");
  });
}

}  // namespace cairn
