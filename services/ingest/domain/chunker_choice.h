#pragma once

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/catalog.h"

namespace cairn::ingest {

// The chunker of an archive that is begun: the client's own choice, else
// that of the base's archive of the same name and kind, so that boundaries
// meet, else the default of the kind. A blob is always one chunk.
// InvalidArgument: a chosen spec is not allowed, or chosen for a blob.
absl::StatusOr<ChunkerSpec> ChooseChunker(
    std::string_view archive, ArchiveKind kind,
    const std::optional<ChunkerSpec>& chosen,
    const std::optional<Snapshot>& base);

}  // namespace cairn::ingest
