#include "services/ingest/engine/given_entry.h"

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/chunking/zero_run.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256_batch.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {
namespace {

absl::Status Mismatch(std::string text) {
  return WithReason(absl::InvalidArgumentError(text), reason::kChunkMismatch);
}

absl::Status At(const GivenEntry& item, const absl::Status& status) {
  if (status.ok()) return status;
  return WithContext(status, absl::StrCat("chunk at ", item.offset));
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

absl::Status ChunkPayload::Decode() {
  if (encoding_ != Encoding::kRaw) {
    absl::StatusOr<std::string> bytes =
        DecodePayload(encoding_, bytes_, plain_length_);
    if (!bytes.ok()) return Mismatch(std::string(bytes.status().message()));
    decoded_ = *std::move(bytes);
  }
  if (plain().size() == plain_length_) return absl::OkStatus();
  return Mismatch(absl::StrCat("payload has ", plain().size(),
                               " plain bytes, its sender says ",
                               plain_length_));
}

absl::Status ChunkPayload::Conclude(const Digest& stated, const Digest& plain,
                                    const Digest& payload) {
  if (plain != stated) {
    return Mismatch(absl::StrCat("payload decodes to bytes of digest ",
                                 plain.ToHex(), ", its sender says ",
                                 stated.ToHex()));
  }
  payload_digest_ = payload;
  is_zero_ = IsAllZero(this->plain());
  std::string().swap(decoded_);
  account_->Release(cost_ - stored_length_);
  cost_ = stored_length_;
  return absl::OkStatus();
}

absl::Status ChunkPayload::ProveTogether(std::span<GivenEntry* const> sent) {
  // Of each the plain bytes; behind them of those that are encoded the
  // payload, whose digest is needed to store it.
  std::vector<std::string_view> messages;
  for (const GivenEntry* item : sent)
    messages.push_back(item->payload->plain());
  for (const GivenEntry* item : sent) {
    if (item->payload->encoding_ == Encoding::kRaw) continue;
    messages.push_back(item->payload->bytes_);
  }
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  size_t encoded = sent.size();
  for (size_t i = 0; i < sent.size(); ++i) {
    const GivenEntry& item = *sent[i];
    const bool raw = item.payload->encoding_ == Encoding::kRaw;
    RETURN_IF_ERROR(
        At(item, item.payload->Conclude(item.entry.digest, digests[i],
                                        digests[raw ? i : encoded++])));
  }
  return absl::OkStatus();
}

absl::Status ProveSent(std::span<GivenEntry> given) {
  std::vector<GivenEntry*> together;
  for (GivenEntry& item : given) {
    if (item.from != GivenEntry::From::kSent) continue;
    RETURN_IF_ERROR(At(item, item.payload->Decode()));
    together.push_back(&item);
    if (together.size() < kSha256Lanes) continue;
    RETURN_IF_ERROR(ChunkPayload::ProveTogether(together));
    together.clear();
  }
  return ChunkPayload::ProveTogether(together);
}

Record ChunkPayload::TakeRecord(const RecordKey& key) {
  return {.key = key,
          .encoding = encoding_,
          .plain_length = plain_length_,
          .payload_digest = payload_digest_,
          .proved = true,
          .payload = std::move(bytes_)};
}

}  // namespace cairn::ingest
