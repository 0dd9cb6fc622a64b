#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/io/file_system.h"

// Small text files that say who a directory is: lines of "key: value", in
// key order, and a last line "checksum: " with the SHA-256 of all before it.
// People can read them; damage never passes for content.
namespace cairn {

inline constexpr size_t kMaxCheckedTextBytes = 64 * 1024;

using TextFields = std::map<std::string, std::string>;

// Keys and values have no line breaks, and keys no ": ".
std::string EncodeCheckedText(const TextFields& fields);

// DataLoss: not what EncodeCheckedText writes, or damaged.
absl::StatusOr<TextFields> DecodeCheckedText(std::string_view text);

// Replaces or creates the file at `directory`/`name` so that after a power
// cut at any moment it holds the old fields or the new ones, whole. An error
// after which it is open which of them: the caller must stop.
absl::Status WriteCheckedText(FileSystem& files, const std::string& directory,
                              const std::string& name,
                              const TextFields& fields);

// NotFound: no such file. DataLoss, naming the file: as DecodeCheckedText.
absl::StatusOr<TextFields> ReadCheckedText(const FileSystem& files,
                                           const std::string& directory,
                                           const std::string& name);

}  // namespace cairn
