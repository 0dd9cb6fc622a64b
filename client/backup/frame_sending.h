#pragma once

#include <cstdint>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/archive_stream.h"
#include "client/backup/source.h"
#include "client/transfer/frame.h"
#include "common/status/status_macros.h"

namespace cairn::client {

// The message of `frame` on a stream of messages that carry raw bytes.
template <typename Request>
Request ToRequest(Frame frame) {
  Request request;
  if (frame.hole_bytes > 0) {
    request.mutable_hole()->set_offset(frame.offset);
    request.mutable_hole()->set_length(frame.hole_bytes);
  } else {
    request.mutable_data()->set_offset(frame.offset);
    request.mutable_data()->set_data(std::move(frame.data));
  }
  return request;
}

// Sends the frames of `source` on `stream`, which was begun where the source
// stands, until the source ends. `taken` is told of each before it is sent.
template <typename Request>
absl::Status SendFrames(Source& source, ArchiveStream<Request>& stream,
                        absl::FunctionRef<void(const Frame&)> taken) {
  while (true) {
    RETURN_IF_ERROR(stream.Advance(source));
    ASSIGN_OR_RETURN(SourceStep step, source.Next());
    if (step.kind == SourceStep::Kind::kEnd) return absl::OkStatus();
    if (step.kind == SourceStep::Kind::kIdle) continue;
    if (step.kind == SourceStep::Kind::kFull) {
      RETURN_IF_ERROR(stream.WaitForRoom());
      continue;
    }
    const uint64_t end = step.frame.end();
    taken(step.frame);
    RETURN_IF_ERROR(stream.Send(ToRequest<Request>(std::move(step.frame))));
    RETURN_IF_ERROR(stream.FlushIfDue(end));
  }
}

}  // namespace cairn::client
