#pragma once

#include <cstdint>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "cairn/ingest/v1/backup_service.pb.h"

namespace cairn::client {

// One WriteStream call. One thread uses it; destroying it ends the call.
class WriteStream {
 public:
  // What the server has said so far.
  struct State {
    bool started = false;
    uint64_t start_offset = 0;
    uint64_t durable_bytes = 0;
    bool finished = false;  // `result` is set
    ingest::v1::WriteFinished result;
    bool ended = false;  // the call is over, with `status`
    absl::Status status;
  };

  virtual ~WriteStream() = default;

  // Waits until the message before has left, and sends `request`. Returns
  // the status of the call if it is over, Unavailable if the server takes
  // nothing for minutes, Cancelled if the user interrupted.
  virtual absl::Status Write(ingest::v1::WriteStreamRequest request) = 0;

  // Waits until `condition` holds, the call is over, `timeout` has passed or
  // the user interrupts. The state at that moment.
  virtual State WaitUntil(absl::FunctionRef<bool(const State&)> condition,
                          absl::Duration timeout) = 0;
};

}  // namespace cairn::client
