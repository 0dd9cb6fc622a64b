#include "services/ingest/domain/chunk_stream_rules.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/page/page.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/stream_rules.h"

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

absl::Status ChunkStreamRules::CheckPlace(uint64_t offset) const {
  RETURN_IF_ERROR(Flush());
  if (offset == position_) return absl::OkStatus();
  return OffsetMismatch("message offset", offset, position_);
}

absl::Status ChunkStreamRules::CheckGrowth(uint64_t added) const {
  if (kind_ == ArchiveKind::kBlob && position_ > 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a blob is one chunk, and has one of ", position_, " bytes already"));
  }
  const uint64_t limit =
      kind_ == ArchiveKind::kBlob ? kMaxRecordPlainBytes : kMaxArchiveBytes;
  if (added <= limit && position_ <= limit - added) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "archive has ", position_, " bytes and ", added,
      " follow, allowed for a ", ArchiveKindName(kind_), " are ", limit));
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
  RETURN_IF_ERROR(CheckPlace(header.offset));
  RETURN_IF_ERROR(CheckChunk(header, payload_bytes));
  const uint64_t added = header.length * header.repeat;
  RETURN_IF_ERROR(CheckGrowth(added));
  position_ += added;
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
        position_, " lacks ", missing_bytes_));
  }
  missing_bytes_ -= bytes;
  return absl::OkStatus();
}

absl::Status ChunkStreamRules::Reuse(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(CheckPlace(offset));
  if (length == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("reuse at ", offset, " has no length"));
  }
  RETURN_IF_ERROR(CheckGrowth(length));
  position_ += length;
  return absl::OkStatus();
}

absl::Status ChunkStreamRules::Hole(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(CheckPlace(offset));
  if (kind_ == ArchiveKind::kBlob) {
    return absl::InvalidArgumentError(
        "a hole in a blob; send its zeros as a chunk");
  }
  if (length == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("hole at ", offset, " has no length"));
  }
  RETURN_IF_ERROR(CheckGrowth(length));
  position_ += length;
  return absl::OkStatus();
}

absl::Status ChunkStreamRules::Flush() const {
  if (ended_) {
    return absl::InvalidArgumentError(
        "a message follows the end of the archive");
  }
  if (missing_bytes_ == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the payload of the chunk before ", position_, " lacks ",
                   missing_bytes_, " bytes, and no fragment follows"));
}

absl::Status ChunkStreamRules::End(uint64_t size_bytes) {
  RETURN_IF_ERROR(Flush());
  if (size_bytes != position_) {
    return OffsetMismatch("archive size", size_bytes, position_);
  }
  ended_ = true;
  return absl::OkStatus();
}

}  // namespace cairn::ingest
