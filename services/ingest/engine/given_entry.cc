#include "services/ingest/engine/given_entry.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/chunking/zero_run.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {
namespace {

absl::Status Mismatch(std::string text) {
  return WithReason(absl::InvalidArgumentError(text), reason::kChunkMismatch);
}

}  // namespace

ChunkPayload::ChunkPayload(std::shared_ptr<StreamBudget::Account> account,
                           Encoding encoding, uint64_t stored_length,
                           uint64_t plain_length)
    : account_(std::move(account)),
      encoding_(encoding),
      stored_length_(stored_length),
      plain_length_(plain_length),
      cost_(CostOf(encoding, stored_length, plain_length)) {}

ChunkPayload::~ChunkPayload() {
  std::string().swap(bytes_);
  account_->Release(cost_);
}

void ChunkPayload::Append(std::string bytes) {
  if (bytes_.empty()) {
    bytes_ = std::move(bytes);
    // Never grown by doubling: the cost is what was acquired.
    if (bytes_.size() < stored_length_) bytes_.reserve(stored_length_);
    return;
  }
  bytes_.append(bytes);
}

absl::Status ChunkPayload::Prove(const Digest& digest, bool* is_zero) {
  std::string decoded;
  std::string_view plain = bytes_;
  if (encoding_ != Encoding::kRaw) {
    absl::StatusOr<std::string> bytes =
        DecodePayload(encoding_, bytes_, plain_length_);
    if (!bytes.ok()) return Mismatch(std::string(bytes.status().message()));
    decoded = *std::move(bytes);
    plain = decoded;
  }
  if (plain.size() != plain_length_) {
    return Mismatch(absl::StrCat("payload has ", plain.size(),
                                 " plain bytes, its sender says ",
                                 plain_length_));
  }
  const Digest found = Sha256(plain);
  if (found != digest) {
    return Mismatch(absl::StrCat("payload decodes to bytes of digest ",
                                 found.ToHex(), ", its sender says ",
                                 digest.ToHex()));
  }
  *is_zero = IsAllZero(plain);
  std::string().swap(decoded);
  account_->Release(cost_ - stored_length_);
  cost_ = stored_length_;
  return absl::OkStatus();
}

Record ChunkPayload::TakeRecord(const RecordKey& key) {
  Record record{
      .key = key, .encoding = encoding_, .plain_length = plain_length_};
  // The payload of a raw record is what the key is the digest of.
  record.payload_digest =
      encoding_ == Encoding::kRaw ? key.digest : Sha256(bytes_);
  record.payload = std::move(bytes_);
  return record;
}

}  // namespace cairn::ingest
