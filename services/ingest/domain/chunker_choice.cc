#include "services/ingest/domain/chunker_choice.h"

#include "absl/strings/str_cat.h"
#include "common/chunking/chunker.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

absl::StatusOr<ChunkerSpec> ChooseChunker(
    std::string_view archive, ArchiveKind kind,
    const std::optional<ChunkerSpec>& chosen,
    const std::optional<Snapshot>& base) {
  if (kind == ArchiveKind::kBlob) {
    const ChunkerSpec whole = DefaultChunkerSpec(kind);
    if (chosen.has_value() && *chosen != whole) {
      return absl::InvalidArgumentError(absl::StrCat(
          "archive ", archive, " is a blob, which is one chunk, and names ",
          "chunker ", chosen->name, "; leave the chunker unset"));
    }
    return whole;
  }
  if (chosen.has_value()) {
    RETURN_IF_ERROR(ValidateChunkerSpec(*chosen));
    return *chosen;
  }
  if (base.has_value()) {
    for (const Archive& candidate : base->archives) {
      // A base of a later release may name a chunker that is unknown here.
      if (candidate.name == archive && candidate.kind == kind &&
          ValidateChunkerSpec(candidate.chunker).ok()) {
        return candidate.chunker;
      }
    }
  }
  return DefaultChunkerSpec(kind);
}

}  // namespace cairn::ingest
