#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cairn/chunk_storage/v1/chunk_storage_service.pb.h"
#include "common/model/record.h"

// Records as messages, for both sides of the wire. FromProto: hostile input;
// InvalidArgument names the field.
namespace cairn {

// Longest fragment of a payload in one message.
inline constexpr size_t kMaxFragmentBytes = size_t{1} << 20;

chunk_storage::v1::RecordKey ToProto(const RecordKey& key);
absl::StatusOr<RecordKey> FromProto(std::string_view field,
                                    const chunk_storage::v1::RecordKey& proto);

// All of a record but its payload, which is `stored_length` bytes long.
struct WireHeader {
  Record record;
  uint64_t stored_length = 0;  // at most kMaxRecordStoredBytes
};
chunk_storage::v1::RecordHeader HeaderToProto(const Record& record);
absl::StatusOr<WireHeader> HeaderFromProto(
    std::string_view field, const chunk_storage::v1::RecordHeader& proto);

// Cuts a record into frames: its header comes with the first one. Ends early
// when `send` returns false, and returns that.
bool SendFrames(
    const Record& record,
    absl::FunctionRef<bool(const Record* header, std::string_view fragment)>
        send);

// Puts records together from frames. Not thread-safe.
class RecordAssembler {
 public:
  // The record that this frame completes, if any. `header` null: the frame
  // goes on with the record before. InvalidArgument: out of order, or more
  // bytes than the header said.
  absl::StatusOr<std::optional<Record>> Take(
      const chunk_storage::v1::RecordHeader* header, std::string fragment);

  // True if no record is incomplete.
  bool between_records() const { return !pending_.has_value(); }

 private:
  std::optional<WireHeader> pending_;
};

}  // namespace cairn
