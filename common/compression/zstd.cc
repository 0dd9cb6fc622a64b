#include "common/compression/zstd.h"

// For ZSTD_getFrameHeader.
#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr uint64_t kMaxWindowBytes = uint64_t{1} << 27;

// Like any allocation that fails, want of memory here ends the process.
[[noreturn]] void DieOfMemory() {
  std::fputs("zstd has no memory for a context\n", stderr);
  std::abort();
}

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

ZSTD_CCtx* CompressionContext() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context(
      ZSTD_createCCtx());
  if (context == nullptr) DieOfMemory();
  return context.get();
}

ZSTD_DCtx* DecompressionContext() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(
      ZSTD_createDCtx());
  if (context == nullptr) DieOfMemory();
  return context.get();
}

// Room of this thread for what is compressed before its length is known: no
// chunk pays for clearing or growing a buffer of its own. Of large chunks,
// which are rare, none is kept.
class Scratch {
 public:
  std::span<char> AtLeast(size_t bytes) {
    if (size_ < bytes) {
      size_ = bytes;
      bytes_ = std::make_unique_for_overwrite<char[]>(bytes);
    }
    return {bytes_.get(), bytes};
  }
  void DropLarge() {
    if (size_ <= kKeptBytes) return;
    size_ = 0;
    bytes_.reset();
  }

 private:
  static constexpr size_t kKeptBytes = size_t{4} << 20;
  size_t size_ = 0;
  std::unique_ptr<char[]> bytes_;
};

// The frame, if it is at most `capacity` bytes long.
std::optional<std::string> CompressWithin(std::string_view plain, int level,
                                          size_t capacity) {
  thread_local Scratch scratch;
  const std::span<char> room = scratch.AtLeast(capacity);
  const size_t result = ZSTD_compressCCtx(
      CompressionContext(), room.data(), room.size(), plain.data(),
      plain.size(), std::clamp(level, kMinZstdLevel, kMaxZstdLevel));
  std::optional<std::string> frame;
  if (!ZSTD_isError(result)) {
    frame.emplace(room.data(), result);
  } else if (ZSTD_getErrorCode(result) != ZSTD_error_dstSize_tooSmall) {
    DieOfMemory();
  }
  scratch.DropLarge();
  return frame;
}

// The frame, if it saves 1/32 of the bytes.
std::optional<std::string> CompressIfWorth(std::string_view plain, int level) {
  // With no more room than is worth it zstd gives up early.
  const size_t worth = plain.size() - (plain.size() + 31) / 32;
  if (worth == 0) return std::nullopt;
  return CompressWithin(plain, level, worth);
}

absl::Status Damaged(std::string_view what) {
  return absl::DataLossError(absl::StrCat("zstd payload ", what));
}

// Checks everything that the frame says about itself.
absl::Status CheckFrame(std::string_view payload, uint64_t plain_length) {
  ZSTD_frameHeader header;
  const size_t result =
      ZSTD_getFrameHeader(&header, payload.data(), payload.size());
  if (ZSTD_isError(result)) {
    return Damaged(
        absl::StrCat("has no frame header: ", ZSTD_getErrorName(result)));
  }
  if (result > 0) {
    return Damaged(absl::StrCat("of ", payload.size(),
                                " bytes ends inside its frame header"));
  }
  if (header.frameType != ZSTD_frame) return Damaged("is a skippable frame");
  if (header.dictID != 0) {
    return Damaged(
        absl::StrCat("needs dictionary ", header.dictID, ", none is allowed"));
  }
  if (header.frameContentSize == ZSTD_CONTENTSIZE_UNKNOWN) {
    return Damaged("does not state its content size");
  }
  if (header.frameContentSize != plain_length) {
    return Damaged(absl::StrCat("states ", header.frameContentSize,
                                " bytes of content, its record ",
                                plain_length));
  }
  if (header.windowSize > kMaxWindowBytes) {
    return Damaged(absl::StrCat("asks for a window of ", header.windowSize,
                                " bytes, at most ", kMaxWindowBytes,
                                " are allowed"));
  }
  const size_t frame_length =
      ZSTD_findFrameCompressedSize(payload.data(), payload.size());
  if (ZSTD_isError(frame_length)) {
    return Damaged(absl::StrCat(
        "of ", payload.size(),
        " bytes holds no whole frame: ", ZSTD_getErrorName(frame_length)));
  }
  if (frame_length != payload.size()) {
    return Damaged(absl::StrCat("is ", payload.size(),
                                " bytes long, its frame ends after ",
                                frame_length));
  }
  return absl::OkStatus();
}

}  // namespace

std::string ZstdCompress(std::string_view plain, int level) {
  // The bound is never too small.
  return *CompressWithin(plain, level, ZSTD_compressBound(plain.size()));
}

absl::StatusOr<std::string> ZstdDecompress(std::string_view payload,
                                           uint64_t plain_length,
                                           uint64_t limit) {
  if (plain_length > limit) {
    return absl::InvalidArgumentError(
        absl::StrCat("plain length is ", plain_length, " bytes, at most ",
                     limit, " are allowed"));
  }
  RETURN_IF_ERROR(CheckFrame(payload, plain_length));
  std::string plain(plain_length, '\0');
  const size_t result =
      ZSTD_decompressDCtx(DecompressionContext(), plain.data(), plain.size(),
                          payload.data(), payload.size());
  if (ZSTD_isError(result)) {
    return Damaged(
        absl::StrCat("does not decode: ", ZSTD_getErrorName(result)));
  }
  if (result != plain_length) {
    return Damaged(
        absl::StrCat("decodes to ", result, " bytes, must be ", plain_length));
  }
  return plain;
}

EncodedPayload EncodeChunk(std::string_view plain, int level) {
  if (auto frame = CompressIfWorth(plain, level); frame.has_value()) {
    return {.encoding = Encoding::kZstd, .payload = *std::move(frame)};
  }
  return {.encoding = Encoding::kRaw, .payload = std::string(plain)};
}

EncodedPayload EncodeOwnChunk(std::string plain, int level) {
  if (auto frame = CompressIfWorth(plain, level); frame.has_value()) {
    return {.encoding = Encoding::kZstd, .payload = *std::move(frame)};
  }
  return {.encoding = Encoding::kRaw, .payload = std::move(plain)};
}

absl::StatusOr<std::string> DecodePayload(Encoding encoding,
                                          std::string_view payload,
                                          uint64_t plain_length) {
  switch (encoding) {
    case Encoding::kRaw:
      if (plain_length > kMaxRecordPlainBytes) {
        return absl::InvalidArgumentError(
            absl::StrCat("plain length is ", plain_length, " bytes, at most ",
                         kMaxRecordPlainBytes, " are allowed"));
      }
      if (payload.size() != plain_length) {
        return absl::DataLossError(
            absl::StrCat("raw payload is ", payload.size(),
                         " bytes long, its record says ", plain_length));
      }
      return std::string(payload);
    case Encoding::kZstd:
      return ZstdDecompress(payload, plain_length, kMaxRecordPlainBytes);
    case Encoding::kEncryptedRaw:
    case Encoding::kEncryptedZstd:
      return absl::InvalidArgumentError(
          absl::StrCat(EncodingName(encoding),
                       " payload cannot be decoded without its key"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "encoding ", static_cast<int>(encoding), " is unknown, must be 1 to 4"));
}

absl::StatusOr<std::string> TakePlain(Encoding encoding, std::string payload,
                                      uint64_t plain_length) {
  if (encoding == Encoding::kRaw && payload.size() == plain_length &&
      plain_length <= kMaxRecordPlainBytes) {
    return payload;
  }
  return DecodePayload(encoding, payload, plain_length);
}

}  // namespace cairn
