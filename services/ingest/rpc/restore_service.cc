#include "services/ingest/rpc/restore_service.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "common/concurrency/cancellation.h"
#include "common/rpc/message_stream.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "services/ingest/domain/stream_rules.h"
#include "services/ingest/rpc/diff_archives.h"
#include "services/ingest/rpc/paced_stream.h"
#include "services/ingest/rpc/read_chunks.h"

namespace cairn::ingest {
namespace {

using Response = v1::ReadArchiveResponse;

// Gathers pieces in messages of at most kMaxFrameBytes.
class DataMessages {
 public:
  explicit DataMessages(MessageWriter<Response>* messages)
      : messages_(messages) {}

  // False: the call is dead.
  bool Add(const ReadPiece& piece) {
    if (piece.is_hole) {
      if (!Flush()) return false;
      Response response;
      response.mutable_hole()->set_offset(piece.offset);
      response.mutable_hole()->set_length(piece.length);
      return messages_->Write(std::move(response));
    }
    std::string_view rest = piece.bytes;
    while (!rest.empty()) {
      if (buffer_.empty()) {
        offset_ = piece.offset + (piece.bytes.size() - rest.size());
        buffer_.reserve(kMaxFrameBytes);
      }
      const size_t taken =
          std::min<size_t>(rest.size(), kMaxFrameBytes - buffer_.size());
      buffer_.append(rest.substr(0, taken));
      rest.remove_prefix(taken);
      if (buffer_.size() == kMaxFrameBytes && !Flush()) return false;
    }
    return true;
  }

  bool Flush() {
    if (buffer_.empty()) return true;
    Response response;
    response.mutable_data()->set_offset(offset_);
    response.mutable_data()->set_data(std::exchange(buffer_, {}));
    return messages_->Write(std::move(response));
  }

 private:
  MessageWriter<Response>* const messages_;
  uint64_t offset_ = 0;
  std::string buffer_;
};

absl::Status SendArchive(OpenedArchive opened, const Call& call,
                         MessageWriter<Response>& messages) {
  Response response;
  response.mutable_header()->set_archive_size_bytes(opened.archive_size_bytes);
  response.mutable_header()->set_offset(opened.offset);
  response.mutable_header()->set_length(opened.length);
  bool alive = messages.Write(std::move(response));
  DataMessages data(&messages);
  while (alive) {
    absl::StatusOr<std::optional<ReadPiece>> piece = opened.reader->Next();
    if (!piece.ok()) {
      // What was read before the damage is good.
      data.Flush();
      return piece.status();
    }
    if (!piece->has_value()) {
      if (!data.Flush()) break;
      return absl::OkStatus();
    }
    alive = data.Add(**piece);
  }
  if (call.cancellation != nullptr) {
    RETURN_IF_ERROR(call.cancellation->Check());
  }
  return absl::CancelledError("the reader of the archive is gone");
}

}  // namespace

grpc::ServerWriteReactor<Response>* RestoreServiceImpl::ReadArchive(
    grpc::CallbackServerContext* context,
    const v1::ReadArchiveRequest* request) {
  return dispatcher_->ServeServerStream<Response>(
      context, request,
      [this, name = request->name(), offset = request->offset(),
       length = request->length()](
          const Call& call, MessageWriter<Response>& messages) -> absl::Status {
        ASSIGN_OR_RETURN(const ArchiveName archive,
                         NameFromProto<ArchiveName>("name", name));
        ASSIGN_OR_RETURN(OpenedArchive opened,
                         frontend_->Open(call, archive, offset, length));
        PacedWrites paced(call, &messages, bandwidth_);
        return SendArchive(std::move(opened), call, paced);
      });
}

grpc::ServerWriteReactor<v1::ReadChunksResponse>*
RestoreServiceImpl::ReadChunks(grpc::CallbackServerContext* context,
                               const v1::ReadChunksRequest* request) {
  return dispatcher_->ServeServerStream<v1::ReadChunksResponse>(
      context, request,
      [this, read = *request](const Call& call,
                              MessageWriter<v1::ReadChunksResponse>& messages) {
        PacedWrites paced(call, &messages, bandwidth_);
        return ServeReadChunks(*frontend_, call, read, paced);
      });
}

grpc::ServerWriteReactor<v1::DiffArchivesResponse>*
RestoreServiceImpl::DiffArchives(grpc::CallbackServerContext* context,
                                 const v1::DiffArchivesRequest* request) {
  return dispatcher_->ServeServerStream<v1::DiffArchivesResponse>(
      context, request,
      [this, asked = *request](
          const Call& call, MessageWriter<v1::DiffArchivesResponse>& messages) {
        return ServeDiffArchives(*frontend_, call, asked, messages);
      });
}

}  // namespace cairn::ingest
