#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/transfer/frame.h"

namespace cairn::client {

// A byte range of an archive, in order, however often the connection breaks:
// goes on at the first byte it does not have. Checks that the server sends
// exactly the range. One thread.
class RangeReader {
 public:
  virtual ~RangeReader() = default;

  // Starts to read, after which the members below are known. NotFound,
  // OutOfRange and what else the server says.
  virtual absl::Status Open() = 0;
  virtual uint64_t archive_size_bytes() const = 0;
  virtual uint64_t begin() const = 0;
  virtual uint64_t end() const = 0;  // exclusive

  // The next piece; nullopt at end(). DataLoss: what comes next cannot be
  // proved; what was returned before is good.
  virtual absl::StatusOr<std::optional<Frame>> Next() = 0;
};

// Which range.
struct RangeOptions {
  std::string archive;  // resource name
  std::string label;    // for people: the archive's name
  uint64_t offset = 0;
  uint64_t length = 0;  // 0: to the end
};

}  // namespace cairn::client
