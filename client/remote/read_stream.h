#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "cairn/ingest/v1/restore_service.pb.h"

namespace cairn::client {

// One ReadArchive call. One thread uses it; destroying it ends the call.
class ReadStream {
 public:
  virtual ~ReadStream() = default;

  // The next message; nullopt when the server has sent all. Unavailable if it
  // sends nothing for minutes, Cancelled if the user interrupted.
  virtual absl::StatusOr<std::optional<ingest::v1::ReadArchiveResponse>>
  Next() = 0;
};

}  // namespace cairn::client
