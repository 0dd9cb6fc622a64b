#include "services/ingest/rpc/diff_archives.h"

#include <memory>
#include <optional>
#include <utility>

#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"

namespace cairn::ingest {

absl::Status ServeDiffArchives(
    RestoreFrontend& frontend, const Call& call,
    const v1::DiffArchivesRequest& request,
    MessageWriter<v1::DiffArchivesResponse>& messages) {
  ASSIGN_OR_RETURN(const ArchiveName base,
                   NameFromProto<ArchiveName>("base", request.base()));
  ASSIGN_OR_RETURN(const ArchiveName name,
                   NameFromProto<ArchiveName>("name", request.name()));
  ASSIGN_OR_RETURN(const std::unique_ptr<DiffReader> reader,
                   frontend.OpenDiff(call, base, name, request.offset()));
  bool alive = true;
  while (alive) {
    ASSIGN_OR_RETURN(const std::optional<DiffPiece> piece, reader->Next());
    if (!piece.has_value()) return absl::OkStatus();
    v1::DiffArchivesResponse response;
    for (const DiffRange& range : piece->ranges) {
      v1::DiffArchivesResponse::Range& added = *response.add_ranges();
      added.set_offset(range.offset);
      added.set_length(range.length);
    }
    response.set_compared_bytes(piece->compared_bytes);
    alive = messages.Write(std::move(response));
  }
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  return absl::CancelledError("the reader of the difference is gone");
}

}  // namespace cairn::ingest
