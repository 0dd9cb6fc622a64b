#include "services/ingest/rpc/write_chunks.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "services/ingest/rpc/write_replies.h"

namespace cairn::ingest {
namespace {

using Request = v1::WriteChunksRequest;

// The numbers of the enum are those of common/model/record.h.
absl::StatusOr<Encoding> ReadEncoding(model::v1::Encoding encoding) {
  if (encoding < model::v1::ENCODING_RAW ||
      encoding > model::v1::ENCODING_ENCRYPTED_ZSTD) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk.encoding is ", static_cast<int>(encoding),
                     ", allowed are raw and zstd"));
  }
  return static_cast<Encoding>(encoding);
}

absl::StatusOr<ChunkHeader> ReadChunk(const Request::Chunk& proto) {
  ChunkHeader header{.offset = proto.offset(),
                     .length = proto.length(),
                     .repeat = std::max<uint64_t>(proto.repeat(), 1),
                     .stored_length = proto.stored_length()};
  ASSIGN_OR_RETURN(header.digest,
                   DigestFromProto("chunk.digest", proto.digest()));
  ASSIGN_OR_RETURN(header.encoding, ReadEncoding(proto.encoding()));
  return header;
}

absl::StatusOr<ReuseRange> ReadReuse(const Request::Reuse& proto) {
  ReuseRange range{.offset = proto.offset(), .length = proto.length()};
  ASSIGN_OR_RETURN(range.check, DigestFromProto("reuse.check", proto.check()));
  switch (proto.place_case()) {
    case Request::Reuse::kBase:
      range.base_archive = proto.base().archive();
      range.base_offset = proto.base().offset();
      if (!range.base_archive.empty()) {
        RETURN_IF_ERROR(ValidateArchiveId(range.base_archive));
      }
      return range;
    case Request::Reuse::kSentChunk:
      range.sent_chunk = proto.sent_chunk();
      return range;
    case Request::Reuse::PLACE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError(
      "reuse names no place; set base or sent_chunk");
}

// Hands one message to the writer. The last one gives the archive.
absl::StatusOr<std::optional<WrittenArchive>> TakeMessage(Request& request,
                                                          ChunkWriter& writer) {
  switch (request.message_case()) {
    case Request::kChunk: {
      ASSIGN_OR_RETURN(const ChunkHeader header, ReadChunk(request.chunk()));
      RETURN_IF_ERROR(writer.Chunk(
          header, std::move(*request.mutable_chunk()->mutable_payload())));
      return std::nullopt;
    }
    case Request::kFragment:
      RETURN_IF_ERROR(writer.Fragment(std::move(*request.mutable_fragment())));
      return std::nullopt;
    case Request::kReuse: {
      ASSIGN_OR_RETURN(const ReuseRange range, ReadReuse(request.reuse()));
      RETURN_IF_ERROR(writer.Reuse(range));
      return std::nullopt;
    }
    case Request::kEnd:
      return writer.End(request.end().size_bytes());
    default:
      RETURN_IF_ERROR(TakeHoleOrFlush(request, writer));
      return std::nullopt;
  }
}

}  // namespace

absl::Status ServeWriteChunks(BackupFrontend& frontend, const Call& call,
                              ChunkMessages& messages, Executor* executor) {
  return ServeWriting(
      call, messages, executor,
      [&](const Request::Begin& begin, ArchivePipeline::Listener* listener)
          -> absl::StatusOr<std::unique_ptr<ChunkBackupStream>> {
        ASSIGN_OR_RETURN(const OpenStreamRequest open, ReadBegin(begin));
        return frontend.OpenChunkStream(call, open, listener);
      },
      TakeMessage);
}

}  // namespace cairn::ingest
