#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "common/model/record.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

struct GivenEntry;

// The payload of a chunk as a client sends it, and what it costs: its own
// bytes, and where it must be decoded also the plain ones.
class ChunkPayload {
 public:
  // What is to be acquired from an account before.
  static uint64_t CostOf(Encoding encoding, uint64_t stored_length,
                         uint64_t plain_length) {
    return stored_length + (encoding == Encoding::kRaw ? 0 : plain_length);
  }

  // `account` gave CostOf; it is released when the payload goes.
  ChunkPayload(std::shared_ptr<StreamBudget::Account> account,
               Encoding encoding, uint64_t stored_length,
               uint64_t plain_length);
  ~ChunkPayload();
  ChunkPayload(const ChunkPayload&) = delete;
  ChunkPayload& operator=(const ChunkPayload&) = delete;

  // Not more than stored_length in all.
  void Append(std::string bytes);

  // Only after ProveSent, and once: the payload's own bytes.
  Record TakeRecord(const RecordKey& key);

  uint64_t plain_length() const { return plain_length_; }
  // Only after ProveSent: all plain bytes are zero.
  bool is_zero() const { return is_zero_; }

 private:
  friend absl::Status ProveSent(std::span<GivenEntry> given);

  absl::Status Decode();
  std::string_view plain() const {
    return encoding_ == Encoding::kRaw ? bytes_ : decoded_;
  }
  static absl::Status ProveTogether(std::span<GivenEntry* const> sent);
  absl::Status Conclude(const Digest& stated, const Digest& plain,
                        const Digest& payload);

  const std::shared_ptr<StreamBudget::Account> account_;
  const Encoding encoding_;
  const uint64_t stored_length_;
  const uint64_t plain_length_;
  uint64_t cost_;
  std::string bytes_;
  std::string decoded_;  // between Decode and Conclude, unless raw
  Digest payload_digest_;
  bool is_zero_ = false;
};

// An entry of an archive that a client gave and not bytes to cut.
struct GivenEntry {
  enum class From {
    kSent,    // its payload came with it
    kBase,    // it stands in the session's base
    kStream,  // it came before in this stream, or is a hole
  };
  uint64_t offset = 0;  // in the archive
  ChunkEntry entry;     // of kSent, as the client says
  From from = From::kSent;
  std::unique_ptr<ChunkPayload> payload;  // of kSent
};

// Decodes the payloads of those that were sent and proves that they are what
// their sender says: `entry.length` bytes of `entry.digest`. InvalidArgument
// (CHUNK_MISMATCH) says at which offset one is not.
absl::Status ProveSent(std::span<GivenEntry> given);

}  // namespace cairn::ingest
