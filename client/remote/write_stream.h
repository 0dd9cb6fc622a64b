#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cairn/ingest/v1/backup_service.pb.h"

namespace cairn::client {

// What the server has said on a stream that writes an archive.
struct WriteState {
  bool started = false;
  uint64_t start_offset = 0;
  model::v1::ChunkerSpec chunker;  // that cuts the archive
  uint64_t durable_bytes = 0;
  bool finished = false;  // `result` is set
  ingest::v1::WriteFinished result;
  bool ended = false;  // the call is over, with `status`
  absl::Status status;
};

// One call that writes an archive by messages of type Request. One thread uses
// it; destroying it ends the call.
template <typename Request>
class WriteStreamOf {
 public:
  using State = WriteState;

  virtual ~WriteStreamOf() = default;

  // Waits until the message before has left, and sends `request`. Returns
  // the status of the call if it is over, Unavailable if the server takes
  // nothing for minutes, Cancelled if the user interrupted.
  virtual absl::Status Write(Request request) = 0;

  // Waits until `condition` holds, the call is over, `timeout` has passed or
  // the user interrupts. The state at that moment.
  virtual State WaitUntil(absl::FunctionRef<bool(const State&)> condition,
                          absl::Duration timeout) = 0;
};

using WriteStream = WriteStreamOf<ingest::v1::WriteStreamRequest>;
using ChunkWriteStream = WriteStreamOf<ingest::v1::WriteChunksRequest>;
using RangeWriteStream = WriteStreamOf<ingest::v1::WriteRangesRequest>;

}  // namespace cairn::client
