#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/backup/byte_producer.h"

namespace cairn::client {

// Cuts a stream into lines. One thread.
class LineReader {
 public:
  // The producer outlives the reader. `name` is for errors; `form` says in
  // them what a line is.
  LineReader(ByteProducer* producer, std::string_view name,
             size_t max_line_bytes, std::string_view form);

  // The next line without its newline, valid until the next call; nullopt at
  // the end, and from then on. InvalidArgument: it has more than
  // max_line_bytes. Else the producer's errors. Blocks until there is a line.
  absl::StatusOr<std::optional<std::string_view>> Next();

  // False if Next returned a last line that had no newline.
  bool last_line_is_whole() const { return last_line_is_whole_; }

  // InvalidArgument about the line that Next returned: "NAME line 7: what".
  absl::Status Error(std::string_view what) const;

 private:
  ByteProducer* const producer_;
  const std::string name_;
  const size_t max_line_bytes_;
  const std::string form_;
  std::string text_;     // what was read
  size_t begin_ = 0;     // of what is not yet returned
  size_t searched_ = 0;  // up to where there is no newline
  bool at_end_ = false;  // of the producer
  uint64_t number_ = 0;  // of the line that was returned, from 1
  bool last_line_is_whole_ = true;
};

}  // namespace cairn::client
