#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/digest.h"
#include "common/model/record.h"
#include "common/model/uuid.h"

// The layout of a pack file. Numbers are little endian; what is not named is
// zero. An append-only file:
//
//   0            header block, 4096 bytes
//   4096         record, padding, record, padding, ...
//   footer       table of contents and trailer, when the pack was sealed by
//   end of file  the process that wrote it; a pack sealed by recovery has none
//
// Header block            Record header (at a multiple of 64)
//   0  8  "CAIRNPK1"         0   4  "CRrc"
//   8  4  version = 1        4   1  kind
//   12 1  class              5   1  encoding
//   16 16 pack UUID          8   4  plain length
//   32 16 datastore UUID     12  4  stored length
//   4064  SHA-256 of         16  8  session epoch
//      32 bytes 0..4063      24  8  catalog sequence
//                            32  16 domain
// Footer                     48  32 digest
//   count * 88  entries      80  32 SHA-256 of the payload
//   trailer, 64 bytes:       112 16 first half of SHA-256(pack UUID,
//   0  8  "CAIRNTOC"                offset of this header, bytes 0..111)
//   8  4  version = 1        128    payload, then zeros up to a multiple of
//   12 4  count                     64; after a sync, of 4096
//   16 8  footer offset
//   32 32 SHA-256(pack     Entry
//      UUID, entries,        0 1 kind, 1 1 encoding, 4 4 plain length,
//      trailer 0..31)        8 4 stored length, 16 8 offset, 24 8 epoch,
//                            32 8 sequence, 40 16 domain, 56 32 digest
//
// A header's checksum covers the pack's random UUID and the offset, so that
// payload bytes, even a whole pack stored as a chunk, never pass for a
// header. A footer is written after everything before it was synced: a valid
// footer means that the records it lists reached the disk.
namespace cairn {

inline constexpr uint64_t kPackBlockBytes = 4096;
inline constexpr uint64_t kRecordAlignment = 64;
inline constexpr uint64_t kRecordHeaderBytes = 128;
inline constexpr uint64_t kPackEntryBytes = 88;
inline constexpr uint64_t kPackTrailerBytes = 64;
// Most records of one pack; ordinals are below.
inline constexpr uint64_t kMaxPackRecords = 65536;

// On disk: never reuse a number.
enum class PackClass : uint8_t {
  kData = 1,      // chunks
  kMetadata = 2,  // pages, manifests, events
};
// Where records of this kind live.
PackClass ClassOf(RecordKind kind);

constexpr uint64_t AlignUp(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}
// Bytes from the start of a record to the first place of the next one.
constexpr uint64_t RecordExtent(uint64_t stored_length) {
  return AlignUp(kRecordHeaderBytes + stored_length, kRecordAlignment);
}

struct PackHeader {
  Uuid pack;
  Uuid datastore;
  PackClass pack_class = PackClass::kData;
  friend bool operator==(const PackHeader&, const PackHeader&) = default;
};

struct RecordHeader {
  RecordKey key;
  Encoding encoding = Encoding::kRaw;
  uint32_t plain_length = 0;
  uint32_t stored_length = 0;
  uint64_t epoch = 0;     // of the session that stored it; 0 for Append
  uint64_t sequence = 0;  // of manifests and events
  Digest payload_digest;
  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

// A record as a table of contents names it.
struct PackEntry {
  RecordKey key;
  Encoding encoding = Encoding::kRaw;
  uint32_t plain_length = 0;
  uint32_t stored_length = 0;
  uint64_t offset = 0;  // of its header
  uint64_t epoch = 0;
  uint64_t sequence = 0;
  friend bool operator==(const PackEntry&, const PackEntry&) = default;
};
PackEntry EntryOf(const RecordHeader& header, uint64_t offset);

struct PackTrailer {
  uint64_t footer_offset = 0;
  uint32_t count = 0;
};

// The whole header block, kPackBlockBytes long.
std::string EncodePackHeader(const PackHeader& header);
// DataLoss: any byte differs from an encoding.
absl::StatusOr<PackHeader> DecodePackHeader(std::string_view block);

// `offset`: where in `pack` the header will stand.
std::string EncodeRecordHeader(const RecordHeader& header, const Uuid& pack,
                               uint64_t offset);
// Exactly the header, kRecordHeaderBytes long. DataLoss: it was not written
// for this pack and place, or is damaged.
absl::StatusOr<RecordHeader> DecodeRecordHeader(std::string_view bytes,
                                                const Uuid& pack,
                                                uint64_t offset);
// True if `bytes` start like a record header: a cheap first look.
bool LooksLikeRecordHeader(std::string_view bytes);

// Entries and trailer, to be written at `footer_offset`, a multiple of
// kRecordAlignment. At most kMaxPackRecords entries, by ascending offset.
std::string EncodePackFooter(const Uuid& pack, uint64_t footer_offset,
                             std::span<const PackEntry> entries);
// From the last kPackTrailerBytes of a file of `file_bytes`; says how much
// to read for DecodePackFooter. Its checksum is not proved yet. DataLoss: no
// trailer, or one that does not fit the file.
absl::StatusOr<PackTrailer> DecodePackTrailer(std::string_view bytes,
                                              uint64_t file_bytes);
// `footer`: everything from `footer_offset` to the end of the file. DataLoss:
// damaged, of another pack, or entries that no writer makes.
absl::StatusOr<std::vector<PackEntry>> DecodePackFooter(std::string_view footer,
                                                        const Uuid& pack,
                                                        uint64_t footer_offset);

}  // namespace cairn
