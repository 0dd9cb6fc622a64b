#include "common/io/checked_text.h"

#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr std::string_view kChecksumKey = "checksum: ";

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(absl::StrCat("is damaged: ", what));
}

}  // namespace

std::string EncodeCheckedText(const TextFields& fields) {
  std::string text;
  for (const auto& [key, value] : fields) {
    absl::StrAppend(&text, key, ": ", value, "\n");
  }
  return absl::StrCat(text, kChecksumKey, Sha256(text).ToHex(), "\n");
}

absl::StatusOr<TextFields> DecodeCheckedText(std::string_view text) {
  // The last line has a fixed length.
  const size_t last_line = kChecksumKey.size() + 64 + 1;
  if (text.size() < last_line || text.size() > kMaxCheckedTextBytes) {
    return Damaged(absl::StrCat("it is ", text.size(), " bytes long"));
  }
  const std::string_view body = text.substr(0, text.size() - last_line);
  const std::string expected =
      absl::StrCat(kChecksumKey, Sha256(body).ToHex(), "\n");
  if (text.substr(body.size()) != expected) {
    return Damaged("its last line is not the checksum of the lines before");
  }
  TextFields fields;
  for (const absl::string_view line_view :
       absl::StrSplit(body, '\n', absl::SkipEmpty())) {
    const std::string_view line = line_view;
    const size_t colon = line.find(": ");
    if (colon == std::string_view::npos ||
        !fields.emplace(line.substr(0, colon), line.substr(colon + 2)).second) {
      return Damaged("it has lines that are not fields");
    }
  }
  return fields;
}

absl::Status WriteCheckedText(FileSystem& files, const std::string& directory,
                              const std::string& name,
                              const TextFields& fields) {
  const std::string path = absl::StrCat(directory, "/", name);
  const std::string temporary = absl::StrCat(path, ".tmp");
  const std::string text = EncodeCheckedText(fields);
  // What an earlier attempt left.
  const absl::Status removed = files.Remove(temporary);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  {
    ASSIGN_OR_RETURN(const auto file, files.Create(temporary));
    RETURN_IF_ERROR(file->WriteAt(0, {{text}}));
    // Without this sync the new name could stand for an empty file.
    RETURN_IF_ERROR(file->Sync());
  }
  RETURN_IF_ERROR(files.Rename(temporary, path));
  // Without this sync the old file could come back.
  return files.SyncDirectory(directory);
}

absl::StatusOr<TextFields> ReadCheckedText(const FileSystem& files,
                                           const std::string& directory,
                                           const std::string& name) {
  const std::string path = absl::StrCat(directory, "/", name);
  ASSIGN_OR_RETURN(const auto file, files.OpenForRead(path));
  ASSIGN_OR_RETURN(const std::string text,
                   file->ReadAt(0, kMaxCheckedTextBytes + 1));
  absl::StatusOr<TextFields> fields = DecodeCheckedText(text);
  if (!fields.ok()) return WithContext(fields.status(), path);
  return fields;
}

}  // namespace cairn
