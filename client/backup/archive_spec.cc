#include "client/backup/archive_spec.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/model/names.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr char kAllowed[] =
    "NAME.img:PATH, NAME.raw:PATH, NAME.raw:-, NAME.blob:PATH or "
    "NAME.tar:DIRECTORY";

absl::Status Refuse(std::string_view text, std::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("archive \"", text, "\": ", why, "; allowed: ", kAllowed));
}

}  // namespace

absl::StatusOr<ArchiveSpec> ArchiveSpec::Parse(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos) return Refuse(text, "no colon");
  ArchiveSpec spec;
  spec.name = std::string(text.substr(0, colon));
  spec.path = std::string(text.substr(colon + 1));
  RETURN_IF_ERROR(ValidateArchiveId(spec.name));
  if (spec.path.empty()) return Refuse(text, "no path after the colon");
  const bool from_stdin = spec.path == "-";
  if (absl::EndsWith(spec.name, ".img")) {
    spec.kind = ArchiveKind::kImage;
    if (from_stdin) spec.source = SourceKind::kPipe;
  } else if (absl::EndsWith(spec.name, ".raw")) {
    spec.source = from_stdin ? SourceKind::kPipe : SourceKind::kFile;
  } else if (absl::EndsWith(spec.name, ".blob")) {
    spec.kind = ArchiveKind::kBlob;
  } else if (absl::EndsWith(spec.name, ".tar")) {
    spec.source = SourceKind::kDirectory;
  } else {
    return Refuse(text, "the name does not end in .img, .raw, .blob or .tar");
  }
  if (from_stdin && spec.source != SourceKind::kPipe) {
    return Refuse(text,
                  "only .raw, and what changed of an .img, is read from stdin");
  }
  return spec;
}

}  // namespace cairn::client
