#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/model/record.h"

// Compression of single chunks by zstd. Contexts are kept per thread.
namespace cairn {

// Levels outside are taken as the nearest of these.
inline constexpr int kMinZstdLevel = 1;
inline constexpr int kMaxZstdLevel = 19;
// By measurement: ARCHITECTURE.md, "Chunk and page sizes".
inline constexpr int kDefaultZstdLevel = 2;

// One zstd frame that states its content size and carries no checksum (a
// digest guards every payload) and no dictionary.
std::string ZstdCompress(std::string_view plain, int level);

// The plain bytes of `payload`, which must be exactly one frame that states
// a content size of `plain_length`. Allocates nothing before that is known.
// Made for hostile input.
// InvalidArgument: `plain_length` is above `limit`.
// DataLoss: another form, length or damage; a frame that asks for a
// dictionary or for a window above 2^27 bytes; bytes after the frame.
absl::StatusOr<std::string> ZstdDecompress(std::string_view payload,
                                           uint64_t plain_length,
                                           uint64_t limit);

// Plain bytes as a record stores them.
struct EncodedPayload {
  Encoding encoding = Encoding::kRaw;
  std::string payload;
};

// Chooses zstd, or keeps the bytes raw if zstd saves less than 1/32 of them.
EncodedPayload EncodeChunk(std::string_view plain, int level);
// The same of bytes that are not needed any more: kept raw, they are not
// copied.
EncodedPayload EncodeOwnChunk(std::string plain, int level);

// The plain bytes of a payload that needs no key, checked to be
// `plain_length` long (at most kMaxRecordPlainBytes); their digest is for
// the caller to check.
// InvalidArgument: encrypted or unknown encoding, or `plain_length` above
// the limit. DataLoss: does not decode to that length.
absl::StatusOr<std::string> DecodePayload(Encoding encoding,
                                          std::string_view payload,
                                          uint64_t plain_length);
// The same of a payload that is not needed any more: raw bytes are not copied.
absl::StatusOr<std::string> TakePlain(Encoding encoding, std::string payload,
                                      uint64_t plain_length);

}  // namespace cairn
