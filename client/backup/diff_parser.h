#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/transfer/frame.h"

namespace cairn::client {

// Reads what changed of an image, with its bytes, from a stream: the format
// "rbd diff v1", which `rbd export-diff --from-snap BASE IMAGE@SNAP -` writes
// and which other programs write easily. Numbers are little endian.
//
//   "rbd diff v1\n"
//   any of, before the ranges, each at most once:
//     's' u64 size    of the whole image, in bytes; must be there
//     'f' u32 n, name of the snapshot before, n bytes; not looked at
//     't' u32 n, name of the snapshot itself, n bytes; not looked at
//   ranges, in order, not overlapping, at any alignment:
//     'w' u64 offset, u64 length, length bytes: these bytes are there now
//     'z' u64 offset, u64 length: zeros are there now
//   'e'               the end, behind which nothing follows
//
// A size is below 2^63, a name has at most 4096 bytes. 'w' lies within the
// size; of 'z' what lies behind it is left out. Ranges of 0 bytes say
// nothing. A stream without its 'e' was cut off. Holds at most what it was
// given last. Not thread-safe.
//
// InvalidArgument: not of this form; the parser is of no use from then on.
class DiffParser {
 public:
  static constexpr uint64_t kMaxNameBytes = 4096;
  static constexpr uint64_t kMaxSizeBytes = ~uint64_t{0} >> 1;

  // `name` of the stream is for errors.
  explicit DiffParser(std::string name) : name_(std::move(name)) {}

  // More of the stream, when Next has asked for it.
  void Add(std::string bytes);

  // The next piece of a range; nullopt: more of the stream is needed.
  absl::StatusOr<std::optional<Frame>> Next();

  // The stream has ended; Next had nothing more. OK if it was whole.
  absl::Status Finish() const;

  // Of the whole image; known before Next gives a frame.
  std::optional<uint64_t> size_bytes() const { return size_bytes_; }

 private:
  enum class State {
    kBanner,
    kTag,
    kNameLength,
    kName,
    kSize,
    kRange,
    kData,
    kEnd
  };

  absl::Status Error(std::string_view what) const;
  // Moves up to `length` bytes to field_; true if it has as many.
  bool Gather(size_t length);
  uint64_t Number(size_t at, size_t bytes) const;
  // One step from what is there. False: more is needed.
  absl::StatusOr<bool> Step();
  absl::Status TakeTag(char tag);
  absl::Status TakeSize();
  absl::Status TakeRange();
  absl::Status TakeNameLength();
  bool SkipName();
  Frame TakeData();
  size_t available() const { return input_.size() - at_; }

  const std::string name_;
  State state_ = State::kBanner;
  std::string input_;
  size_t at_ = 0;              // input_ before it was used
  uint64_t input_offset_ = 0;  // of input_ in the stream
  std::string field_;          // what is gathered of the next one
  char tag_ = 0;
  std::optional<uint64_t> size_bytes_;
  bool has_ranges_ = false;
  uint64_t position_ = 0;      // the end of the range before
  uint64_t left_ = 0;          // of a name, or of the bytes of a range
  std::optional<Frame> hole_;  // to be given
};

}  // namespace cairn::client
