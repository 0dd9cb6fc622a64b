#pragma once

#include <optional>

#include "absl/status/statusor.h"
#include "cairn/ingest/v1/restore_service.pb.h"

namespace cairn::client {

// One call that reads an archive by messages of type Response. One thread
// uses it; destroying it ends the call.
template <typename Response>
class ReadStreamOf {
 public:
  virtual ~ReadStreamOf() = default;

  // The next message; nullopt when the server has sent all. Unavailable if it
  // sends nothing for minutes, Cancelled if the user interrupted.
  virtual absl::StatusOr<std::optional<Response>> Next() = 0;
};

using ReadStream = ReadStreamOf<ingest::v1::ReadArchiveResponse>;
using ChunkReadStream = ReadStreamOf<ingest::v1::ReadChunksResponse>;
using DiffStream = ReadStreamOf<ingest::v1::DiffArchivesResponse>;

}  // namespace cairn::client
