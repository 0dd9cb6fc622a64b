#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "client/posix/interrupt.h"

namespace cairn::client {

// Where restored bytes go. Pieces come in order and without gaps from offset
// 0. Errors are LocalErrors, or Cancelled by the user. One thread.
class Target {
 public:
  virtual ~Target() = default;
  virtual absl::Status Write(uint64_t offset, std::string_view data) = 0;
  // `length` zeros.
  virtual absl::Status WriteHole(uint64_t offset, uint64_t length) = 0;
  // After the last piece: OK means that it survives a power cut, where the
  // target can promise that. Without it, a file that did not exist before
  // does not exist after either.
  virtual absl::Status Finish() = 0;
};

struct TargetOptions {
  std::string path;         // "-": stdout
  uint64_t size_bytes = 0;  // of what will be written
  bool overwrite = false;
  int stdout_fd = 1;
  // Ends a write that waits for its reader; outlives the target.
  const Interrupt* interrupt = nullptr;
};

}  // namespace cairn::client
