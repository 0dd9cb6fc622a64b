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
  if (request.has_end()) return writer.End(request.end().size_bytes());
  RETURN_IF_ERROR(request.has_data() ? TakeData(request, writer)
                                     : TakeHoleOrFlush(request, writer));
  return std::nullopt;
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
