#include "services/ingest/domain/chunk_stream_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {
namespace {

absl::Status CheckEncoding(const ChunkHeader& header) {
  if (IsEncrypted(header.encoding)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "chunk at ", header.offset, " has encoding ",
        EncodingName(header.encoding),
        ", chunks under a client's key are not taken; send raw or zstd"));
  }
  if (header.encoding != Encoding::kRaw ||
      header.stored_length == header.length) {
    return absl::OkStatus();
  }
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "chunk at ", header.offset, " is raw and has ", header.length,
          " bytes, its stored_length is ", header.stored_length)),
      reason::kChunkMismatch);
}

}  // namespace

absl::Status ChunkStreamRules::CheckWhole() const {
  if (missing_bytes_ == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the payload of the chunk before ", position(), " lacks ",
                   missing_bytes_, " bytes, and no fragment follows"));
}

// A blob is one chunk, or what was one elsewhere.
absl::Status ChunkStreamRules::CheckRoom() const {
  if (kind_ != ArchiveKind::kBlob || position() == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "a blob is one chunk, and has one of ", position(), " bytes already"));
}

absl::Status ChunkStreamRules::CheckChunk(const ChunkHeader& header,
                                          uint64_t payload_bytes) const {
  const uint64_t longest = max_chunk_bytes_;
  if (header.length == 0 || header.length > longest) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk at ", header.offset, " has ", header.length,
                     " bytes, allowed by its chunker are 1..", longest));
  }
  if (header.repeat == 0 || header.repeat > kMaxArchiveBytes / header.length ||
      (kind_ == ArchiveKind::kBlob && header.repeat > 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "chunk at ", header.offset, " of ", header.length,
        " bytes is repeated ", header.repeat, " times, more than a ",
        ArchiveKindName(kind_), " may hold"));
  }
  if (header.stored_length == 0 ||
      header.stored_length > header.length + kMaxEncodingGrowth) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk at ", header.offset, " has a stored_length of ",
                     header.stored_length, ", allowed are 1..",
                     header.length + kMaxEncodingGrowth));
  }
  if (payload_bytes > std::min(header.stored_length, kMaxFrameBytes)) {
    return absl::InvalidArgumentError(
        absl::StrCat("chunk at ", header.offset, " comes with ", payload_bytes,
                     " bytes of its payload of ", header.stored_length,
                     ", allowed in one message are ", kMaxFrameBytes));
  }
  return CheckEncoding(header);
}

absl::Status ChunkStreamRules::Chunk(const ChunkHeader& header,
                                     uint64_t payload_bytes) {
  RETURN_IF_ERROR(CheckWhole());
  RETURN_IF_ERROR(order_.CheckPlace(header.offset));
  RETURN_IF_ERROR(CheckChunk(header, payload_bytes));
  RETURN_IF_ERROR(CheckRoom());
  RETURN_IF_ERROR(
      order_.Append("chunk", header.offset, header.length * header.repeat));
  missing_bytes_ = header.stored_length - payload_bytes;
  return absl::OkStatus();
}

absl::Status ChunkStreamRules::Fragment(uint64_t bytes) {
  if (bytes == 0 || bytes > kMaxFrameBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "fragment has ", bytes, " bytes, allowed are 1..", kMaxFrameBytes));
  }
  if (bytes > missing_bytes_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "fragment has ", bytes, " bytes, the payload of the chunk before ",
        position(), " lacks ", missing_bytes_));
  }
  missing_bytes_ -= bytes;
  return absl::OkStatus();
}

absl::Status ChunkStreamRules::Reuse(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(CheckWhole());
  RETURN_IF_ERROR(order_.CheckPlace(offset));
  RETURN_IF_ERROR(CheckRoom());
  return order_.Append("reuse", offset, length);
}

absl::Status ChunkStreamRules::Hole(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(CheckWhole());
  return order_.Hole(offset, length);
}

absl::Status ChunkStreamRules::Flush() const {
  RETURN_IF_ERROR(CheckWhole());
  return order_.Flush();
}

absl::Status ChunkStreamRules::End(uint64_t size_bytes) {
  RETURN_IF_ERROR(CheckWhole());
  return order_.End(size_bytes);
}

}  // namespace cairn::ingest
