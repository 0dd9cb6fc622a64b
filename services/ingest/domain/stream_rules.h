#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/model/archive.h"

namespace cairn::ingest {

// Largest data frame of a stream.
inline constexpr uint64_t kMaxFrameBytes = uint64_t{1} << 20;

// OutOfRange (OFFSET_MISMATCH, metadata "expected"): what `what` names is
// `found`, and the archive stands at `expected`.
absl::Status OffsetMismatch(absl::string_view what, uint64_t found,
                            uint64_t expected);

// InvalidArgument, unless a data frame of `size_bytes` may be sent.
absl::Status CheckFrame(uint64_t offset, uint64_t size_bytes);

// The order and the offsets of the frames that write one archive. A frame
// that is refused changes nothing. Pure; not thread-safe.
//
// Every frame: InvalidArgument after End.
class StreamRules {
 public:
  // `start` is the durable offset at which the archive goes on.
  StreamRules(ArchiveKind kind, uint64_t start)
      : kind_(kind), position_(start) {}

  // OutOfRange (OFFSET_MISMATCH, metadata "expected"): `offset` is not where
  // the archive stands. InvalidArgument: empty, above kMaxFrameBytes, or more
  // than an archive of its kind may hold.
  absl::Status Data(uint64_t offset, uint64_t size_bytes);
  // The same for zeros, of any length; never in a blob.
  absl::Status Hole(uint64_t offset, uint64_t length);
  absl::Status Flush() const;
  // OutOfRange (OFFSET_MISMATCH): the archive has another size.
  absl::Status End(uint64_t size_bytes);

  // OutOfRange (OFFSET_MISMATCH): the archive does not stand at `offset`.
  absl::Status CheckPlace(uint64_t offset) const;
  // What `what` names ("hole") goes on the archive, without a limit of its
  // own.
  absl::Status Append(absl::string_view what, uint64_t offset, uint64_t length);

  uint64_t position() const { return position_; }

 private:
  const ArchiveKind kind_;
  uint64_t position_;
  bool ended_ = false;
};

}  // namespace cairn::ingest
