#include "services/ingest/rpc/write_ranges.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "services/ingest/rpc/write_replies.h"

namespace cairn::ingest {
namespace {

using Request = v1::WriteRangesRequest;

absl::StatusOr<OpenRangesRequest> ReadRangesBegin(const Request::Begin& begin) {
  OpenRangesRequest request{.archive = begin.archive(),
                            .size_bytes = begin.size_bytes(),
                            .resume_offset = begin.resume_offset()};
  ASSIGN_OR_RETURN(request.session,
                   NameFromProto<SessionName>("session", begin.session()));
  ASSIGN_OR_RETURN(
      request.base_snapshot,
      NameFromProto<SnapshotName>("base_snapshot", begin.base_snapshot()));
  return request;
}

// Hands one message to the writer. The last one gives the archive.
absl::StatusOr<std::optional<WrittenArchive>> TakeMessage(Request& request,
                                                          RangeWriter& writer) {
  if (request.has_end()) return writer.End();
  RETURN_IF_ERROR(request.has_data() ? TakeData(request, writer)
                                     : TakeHoleOrFlush(request, writer));
  return std::nullopt;
}

}  // namespace

absl::Status ServeWriteRanges(BackupFrontend& frontend, const Call& call,
                              RangeMessages& messages, Executor* executor) {
  return ServeWriting(
      call, messages, executor,
      [&](const Request::Begin& begin, ArchivePipeline::Listener* listener)
          -> absl::StatusOr<std::unique_ptr<RangeBackupStream>> {
        ASSIGN_OR_RETURN(const OpenRangesRequest open, ReadRangesBegin(begin));
        return frontend.OpenRangeStream(call, open, listener);
      },
      TakeMessage);
}

}  // namespace cairn::ingest
