#include "services/ingest/rpc/read_chunks.h"

#include <optional>
#include <string_view>
#include <utility>

#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"
#include "common/wire/scalars.h"
#include "services/ingest/domain/stream_rules.h"

namespace cairn::ingest {
namespace {

using Response = v1::ReadChunksResponse;

// The payload in messages of at most kMaxFrameBytes. False: the call is dead.
bool SendChunk(const PlacedEntry& placed, const Record& record,
               MessageWriter<Response>& messages) {
  const std::string_view payload = record.payload;
  Response first;
  v1::ReadChunksResponse::Chunk& chunk = *first.mutable_chunk();
  *chunk.mutable_entry() = ToProto(placed);
  // The numbers of the enum are those of common/model/record.h.
  chunk.set_encoding(static_cast<model::v1::Encoding>(record.encoding));
  chunk.set_stored_length(payload.size());
  chunk.set_payload(std::string(payload.substr(0, kMaxFrameBytes)));
  bool alive = messages.Write(std::move(first));
  for (size_t at = kMaxFrameBytes; alive && at < payload.size();
       at += kMaxFrameBytes) {
    Response more;
    more.set_fragment(std::string(payload.substr(at, kMaxFrameBytes)));
    alive = messages.Write(std::move(more));
  }
  return alive;
}

bool SendPiece(const ChunkPiece& piece, MessageWriter<Response>& messages) {
  if (piece.record.has_value()) {
    return SendChunk(piece.entries.front(), *piece.record, messages);
  }
  Response response;
  for (const PlacedEntry& placed : piece.entries) {
    *response.mutable_entries()->add_entries() = ToProto(placed);
  }
  return messages.Write(std::move(response));
}

}  // namespace

absl::Status ServeReadChunks(RestoreFrontend& frontend, const Call& call,
                             const v1::ReadChunksRequest& request,
                             MessageWriter<Response>& messages) {
  ASSIGN_OR_RETURN(const ArchiveName name,
                   NameFromProto<ArchiveName>("name", request.name()));
  ASSIGN_OR_RETURN(
      const OpenedChunks opened,
      frontend.OpenChunks(call, name, request.offset(), request.length(),
                          request.entries_only()));
  Response header;
  *header.mutable_header()->mutable_archive() = ToProto(opened.archive);
  bool alive = messages.Write(std::move(header));
  while (alive) {
    ASSIGN_OR_RETURN(const std::optional<ChunkPiece> piece,
                     opened.reader->Next());
    if (!piece.has_value()) return absl::OkStatus();
    alive = SendPiece(*piece, messages);
  }
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  return absl::CancelledError("the reader of the archive is gone");
}

}  // namespace cairn::ingest
