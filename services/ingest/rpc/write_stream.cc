#include "services/ingest/rpc/write_stream.h"

#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "common/status/status_macros.h"
#include "services/ingest/rpc/write_replies.h"

namespace cairn::ingest {
namespace {

using Request = v1::WriteStreamRequest;

// Hands one message to the writer. The last one gives the archive.
absl::StatusOr<std::optional<WrittenArchive>> TakeMessage(
    Request& request, ArchiveWriter& writer) {
  switch (request.message_case()) {
    case Request::kData:
      RETURN_IF_ERROR(
          writer.Write(request.data().offset(),
                       std::move(*request.mutable_data()->mutable_data())));
      return std::nullopt;
    case Request::kHole:
      RETURN_IF_ERROR(
          writer.Hole(request.hole().offset(), request.hole().length()));
      return std::nullopt;
    case Request::kFlush:
      RETURN_IF_ERROR(writer.Flush());
      return std::nullopt;
    case Request::kEnd:
      return writer.End(request.end().size_bytes());
    case Request::kBegin:
    case Request::MESSAGE_NOT_SET:
      break;
  }
  return absl::InvalidArgumentError("a message of the stream is empty");
}

}  // namespace

absl::Status ServeWriteStream(BackupFrontend& frontend, const Call& call,
                              WriteMessages& messages, Executor* executor) {
  return ServeWriting(
      call, messages, executor,
      [&](const Request::Begin& begin, ArchivePipeline::Listener* listener)
          -> absl::StatusOr<std::unique_ptr<BackupStream>> {
        ASSIGN_OR_RETURN(const OpenStreamRequest open, ReadBegin(begin));
        return frontend.OpenStream(call, open, listener);
      },
      TakeMessage);
}

}  // namespace cairn::ingest
