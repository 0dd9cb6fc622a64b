#include "client/backup/request_digest.h"

#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/backup/range_list.h"
#include "client/posix/local_file.h"
#include "common/digest/sha256.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

// Appends a field so that no two lists of fields give the same text.
void AddField(std::string_view field, std::string* text) {
  absl::StrAppend(text, field.size(), ":",
                  absl::string_view(field.data(), field.size()), ";");
}

std::string WholePath(const ArchiveSpec& spec) {
  if (spec.source == SourceKind::kPipe) return spec.path;
  std::error_code error;
  const std::filesystem::path whole =
      std::filesystem::absolute(spec.path, error);
  return error ? spec.path : whole.lexically_normal().string();
}

std::string DigestOfRanges(const RangeList& ranges) {
  Sha256Hasher hasher;
  for (const ByteRange& range : ranges.ranges()) {
    hasher.Update(absl::StrCat(range.offset, " ", range.end, "\n"));
  }
  return hasher.Finish().ToHex();
}

}  // namespace

std::string DigestOfRequest(const BackupRequest& request) {
  std::string text;
  AddField(request.group.ToString(), &text);
  AddField(request.notes, &text);
  AddField(request.client_label, &text);
  AddField(
      request.backup_time.has_value() ? absl::StrCat(*request.backup_time) : "",
      &text);
  AddField(request.all_file_systems ? "all" : "one", &text);
  for (const std::string& pattern : request.exclude) AddField(pattern, &text);
  AddField("archives", &text);
  for (const ArchiveSpec& spec : request.archives) {
    AddField(spec.name, &text);
    AddField(WholePath(spec), &text);
  }
  if (request.changes.base.has_value()) {
    AddField("changes", &text);
    AddField(request.changes.base->ToString(), &text);
    for (const auto& [archive, ranges] : request.changes.ranges) {
      AddField(archive, &text);
    }
  }
  return Sha256(text).ToHex();
}

absl::StatusOr<std::string> DigestOfSources(const BackupRequest& request) {
  std::string text;
  for (const ArchiveSpec& spec : request.archives) {
    if (spec.source != SourceKind::kFile) continue;
    ASSIGN_OR_RETURN(const LocalFile file, LocalFile::Open(spec.path));
    ASSIGN_OR_RETURN(const FileFacts facts, file.Facts());
    AddField(spec.name, &text);
    AddField(absl::StrCat(facts.size_bytes), &text);
    if (!facts.is_regular) continue;
    AddField(absl::StrCat(facts.modify_time_ns, " ", facts.change_time_ns, " ",
                          facts.device, " ", facts.inode),
             &text);
  }
  for (const auto& [archive, ranges] : request.changes.ranges) {
    AddField(archive, &text);
    AddField(DigestOfRanges(ranges), &text);
  }
  return Sha256(text).ToHex();
}

}  // namespace cairn::client
