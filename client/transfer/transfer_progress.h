#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace cairn::client {

// How far one archive has come.
struct TransferProgress {
  std::string archive;
  uint64_t bytes = 0;                  // sent or received, holes included
  std::optional<uint64_t> size_bytes;  // of the whole, if known
  bool done = false;                   // the last report of the archive
  // Of a backup that is done: bytes that are not holes, and of these the
  // ones that the server did not have. Unset otherwise.
  std::optional<uint64_t> plain_bytes;
  std::optional<uint64_t> new_bytes;
  // And what went to the server.
  std::optional<uint64_t> sent_bytes;
};

// Called often; does not block.
using ProgressListener = std::function<void(const TransferProgress&)>;

}  // namespace cairn::client
