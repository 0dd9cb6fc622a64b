#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/transfer/frame.h"

namespace cairn::client {

// What Source::Next found.
struct SourceStep {
  enum class Kind {
    kFrame,  // `frame` is the next piece, never empty
    kIdle,   // nothing for now: look after other things and ask again
    kFull,   // nothing before Release is called with a higher offset
    kEnd,    // that was all; the archive's size is Source::position()
  };
  Kind kind = Kind::kEnd;
  Frame frame;
};

// The bytes of one archive, in order: all of them, without gaps, or, where the
// class says so, those that changed since its base. One thread.
class Source {
 public:
  virtual ~Source() = default;

  // The piece at position(), or behind a gap; position() moves behind it.
  // Blocks for a moment at most, unless it works. Cancelled: the user
  // interrupted. Else LocalErrors.
  virtual absl::StatusOr<SourceStep> Next() = 0;

  // What is below `offset` is durable at the server and not asked for again.
  virtual void Release(uint64_t offset) = 0;

  // Goes back to `offset`, which is not below what was released.
  // OutOfRange: those bytes are gone and cannot be read again.
  virtual absl::Status Rewind(uint64_t offset) = 0;

  virtual uint64_t position() const = 0;

  // Of the whole archive; unset while unknown.
  virtual std::optional<uint64_t> size_bytes() const = 0;
};

}  // namespace cairn::client
