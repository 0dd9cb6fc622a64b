#include "common/pack/pack_format.h"

#include <cstring>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr std::string_view kPackMagic = "CAIRNPK1";
constexpr std::string_view kRecordMagic = "CRrc";
constexpr std::string_view kTrailerMagic = "CAIRNTOC";
constexpr uint32_t kVersion = 1;

constexpr size_t kHeaderChecksumOffset = kPackBlockBytes - 32;
constexpr size_t kRecordChecksumOffset = 112;
constexpr size_t kRecordChecksumBytes = 16;
constexpr size_t kTrailerChecksumOffset = 32;

void PutBytes(std::string_view bytes, size_t at, std::string& out) {
  std::memcpy(out.data() + at, bytes.data(), bytes.size());
}
void Put32(uint32_t value, size_t at, std::string& out) {
  for (int i = 0; i < 4; ++i) {
    out[at + i] = static_cast<char>(value >> (8 * i));
  }
}
void Put64(uint64_t value, size_t at, std::string& out) {
  for (int i = 0; i < 8; ++i) {
    out[at + i] = static_cast<char>(value >> (8 * i));
  }
}
void Put8(uint8_t value, size_t at, std::string& out) {
  out[at] = static_cast<char>(value);
}

uint8_t Get8(std::string_view bytes, size_t at) {
  return static_cast<uint8_t>(bytes[at]);
}
uint32_t Get32(std::string_view bytes, size_t at) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | Get8(bytes, at + i);
  return value;
}
uint64_t Get64(std::string_view bytes, size_t at) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; --i) value = value << 8 | Get8(bytes, at + i);
  return value;
}
template <typename T>
T GetValue(std::string_view bytes, size_t at) {
  T value;
  std::memcpy(value.bytes.data(), bytes.data() + at, value.bytes.size());
  return value;
}

std::optional<RecordKind> KindFrom(uint8_t number) {
  if (number < 1 || number > 4) return std::nullopt;
  return static_cast<RecordKind>(number);
}
std::optional<Encoding> EncodingFrom(uint8_t number) {
  if (number < 1 || number > 4) return std::nullopt;
  return static_cast<Encoding>(number);
}

std::string RecordChecksum(std::string_view header, const Uuid& pack,
                           uint64_t offset) {
  std::string place(8, '\0');
  Put64(offset, 0, place);
  const std::string_view pieces[] = {pack.view(), place,
                                     header.substr(0, kRecordChecksumOffset)};
  return std::string(Sha256(pieces).view().substr(0, kRecordChecksumBytes));
}

Digest FooterChecksum(const Uuid& pack, std::string_view entries,
                      std::string_view trailer) {
  const std::string_view pieces[] = {pack.view(), entries,
                                     trailer.substr(0, kTrailerChecksumOffset)};
  return Sha256(pieces);
}

absl::Status LengthsFit(uint64_t plain_length, uint64_t stored_length) {
  if (plain_length > kMaxRecordPlainBytes ||
      stored_length > kMaxRecordStoredBytes) {
    return absl::DataLossError(
        absl::StrCat("record of ", plain_length, " plain and ", stored_length,
                     " stored bytes, allowed are ", kMaxRecordPlainBytes,
                     " and ", kMaxRecordStoredBytes));
  }
  return absl::OkStatus();
}

absl::StatusOr<PackEntry> DecodeEntry(std::string_view bytes) {
  const std::optional<RecordKind> kind = KindFrom(Get8(bytes, 0));
  const std::optional<Encoding> encoding = EncodingFrom(Get8(bytes, 1));
  if (!kind.has_value() || !encoding.has_value()) {
    return absl::DataLossError("entry of unknown kind or encoding");
  }
  PackEntry entry;
  entry.key = {*kind, GetValue<Domain>(bytes, 40), GetValue<Digest>(bytes, 56)};
  entry.encoding = *encoding;
  entry.plain_length = Get32(bytes, 4);
  entry.stored_length = Get32(bytes, 8);
  entry.offset = Get64(bytes, 16);
  entry.epoch = Get64(bytes, 24);
  entry.sequence = Get64(bytes, 32);
  RETURN_IF_ERROR(LengthsFit(entry.plain_length, entry.stored_length));
  return entry;
}

void EncodeEntry(const PackEntry& entry, size_t at, std::string& out) {
  Put8(static_cast<uint8_t>(entry.key.kind), at, out);
  Put8(static_cast<uint8_t>(entry.encoding), at + 1, out);
  Put32(entry.plain_length, at + 4, out);
  Put32(entry.stored_length, at + 8, out);
  Put64(entry.offset, at + 16, out);
  Put64(entry.epoch, at + 24, out);
  Put64(entry.sequence, at + 32, out);
  PutBytes(entry.key.domain.view(), at + 40, out);
  PutBytes(entry.key.digest.view(), at + 56, out);
}

}  // namespace

PackClass ClassOf(RecordKind kind) {
  return kind == RecordKind::kChunk ? PackClass::kData : PackClass::kMetadata;
}

PackEntry EntryOf(const RecordHeader& header, uint64_t offset) {
  return {.key = header.key,
          .encoding = header.encoding,
          .plain_length = header.plain_length,
          .stored_length = header.stored_length,
          .offset = offset,
          .epoch = header.epoch,
          .sequence = header.sequence};
}

std::string EncodePackHeader(const PackHeader& header) {
  std::string block(kPackBlockBytes, '\0');
  PutBytes(kPackMagic, 0, block);
  Put32(kVersion, 8, block);
  Put8(static_cast<uint8_t>(header.pack_class), 12, block);
  PutBytes(header.pack.view(), 16, block);
  PutBytes(header.datastore.view(), 32, block);
  const std::string_view summed =
      std::string_view(block).substr(0, kHeaderChecksumOffset);
  PutBytes(Sha256(summed).view(), kHeaderChecksumOffset, block);
  return block;
}

absl::StatusOr<PackHeader> DecodePackHeader(std::string_view block) {
  if (block.size() != kPackBlockBytes || !block.starts_with(kPackMagic)) {
    return absl::DataLossError("not the header of a pack");
  }
  if (Sha256(block.substr(0, kHeaderChecksumOffset)).view() !=
      block.substr(kHeaderChecksumOffset)) {
    return absl::DataLossError("pack header has a wrong checksum");
  }
  if (Get32(block, 8) != kVersion) {
    return absl::DataLossError(absl::StrCat(
        "pack has format version ", Get32(block, 8), ", known is ", kVersion));
  }
  const uint8_t pack_class = Get8(block, 12);
  if (pack_class < 1 || pack_class > 2) {
    return absl::DataLossError(absl::StrCat("pack has class ", pack_class));
  }
  return PackHeader{.pack = GetValue<Uuid>(block, 16),
                    .datastore = GetValue<Uuid>(block, 32),
                    .pack_class = static_cast<PackClass>(pack_class)};
}

std::string EncodeRecordHeader(const RecordHeader& header, const Uuid& pack,
                               uint64_t offset) {
  std::string bytes(kRecordHeaderBytes, '\0');
  PutBytes(kRecordMagic, 0, bytes);
  Put8(static_cast<uint8_t>(header.key.kind), 4, bytes);
  Put8(static_cast<uint8_t>(header.encoding), 5, bytes);
  Put32(header.plain_length, 8, bytes);
  Put32(header.stored_length, 12, bytes);
  Put64(header.epoch, 16, bytes);
  Put64(header.sequence, 24, bytes);
  PutBytes(header.key.domain.view(), 32, bytes);
  PutBytes(header.key.digest.view(), 48, bytes);
  PutBytes(header.payload_digest.view(), 80, bytes);
  PutBytes(RecordChecksum(bytes, pack, offset), kRecordChecksumOffset, bytes);
  return bytes;
}

absl::StatusOr<RecordHeader> DecodeRecordHeader(std::string_view bytes,
                                                const Uuid& pack,
                                                uint64_t offset) {
  if (bytes.size() != kRecordHeaderBytes || !LooksLikeRecordHeader(bytes)) {
    return absl::DataLossError("no record header");
  }
  if (bytes.substr(kRecordChecksumOffset) !=
      RecordChecksum(bytes, pack, offset)) {
    return absl::DataLossError("record header has a wrong checksum");
  }
  const std::optional<RecordKind> kind = KindFrom(Get8(bytes, 4));
  const std::optional<Encoding> encoding = EncodingFrom(Get8(bytes, 5));
  if (!kind.has_value() || !encoding.has_value()) {
    return absl::DataLossError(absl::StrCat("record of kind ", Get8(bytes, 4),
                                            " and encoding ", Get8(bytes, 5),
                                            ", known are 1 to 4"));
  }
  RecordHeader header;
  header.key = {*kind, GetValue<Domain>(bytes, 32),
                GetValue<Digest>(bytes, 48)};
  header.encoding = *encoding;
  header.plain_length = Get32(bytes, 8);
  header.stored_length = Get32(bytes, 12);
  header.epoch = Get64(bytes, 16);
  header.sequence = Get64(bytes, 24);
  header.payload_digest = GetValue<Digest>(bytes, 80);
  RETURN_IF_ERROR(LengthsFit(header.plain_length, header.stored_length));
  return header;
}

bool LooksLikeRecordHeader(std::string_view bytes) {
  return bytes.starts_with(kRecordMagic);
}

std::string EncodePackFooter(const Uuid& pack, uint64_t footer_offset,
                             std::span<const PackEntry> entries) {
  const size_t trailer_at = entries.size() * kPackEntryBytes;
  std::string footer(trailer_at + kPackTrailerBytes, '\0');
  for (size_t i = 0; i < entries.size(); ++i) {
    EncodeEntry(entries[i], i * kPackEntryBytes, footer);
  }
  PutBytes(kTrailerMagic, trailer_at, footer);
  Put32(kVersion, trailer_at + 8, footer);
  Put32(static_cast<uint32_t>(entries.size()), trailer_at + 12, footer);
  Put64(footer_offset, trailer_at + 16, footer);
  const std::string_view written = footer;
  const Digest checksum = FooterChecksum(pack, written.substr(0, trailer_at),
                                         written.substr(trailer_at));
  PutBytes(checksum.view(), trailer_at + kTrailerChecksumOffset, footer);
  return footer;
}

absl::StatusOr<PackTrailer> DecodePackTrailer(std::string_view bytes,
                                              uint64_t file_bytes) {
  if (bytes.size() != kPackTrailerBytes || !bytes.starts_with(kTrailerMagic) ||
      Get32(bytes, 8) != kVersion) {
    return absl::DataLossError("pack has no footer");
  }
  const PackTrailer trailer = {.footer_offset = Get64(bytes, 16),
                               .count = Get32(bytes, 12)};
  const uint64_t length = trailer.count * kPackEntryBytes + kPackTrailerBytes;
  if (trailer.count > kMaxPackRecords || length > file_bytes ||
      trailer.footer_offset != file_bytes - length ||
      trailer.footer_offset < kPackBlockBytes) {
    return absl::DataLossError(absl::StrCat(
        "pack footer at ", trailer.footer_offset, " with ", trailer.count,
        " entries does not end a file of ", file_bytes, " bytes"));
  }
  return trailer;
}

absl::StatusOr<std::vector<PackEntry>> DecodePackFooter(
    std::string_view footer, const Uuid& pack, uint64_t footer_offset) {
  if (footer.size() < kPackTrailerBytes) {
    return absl::DataLossError("pack has no footer");
  }
  const std::string_view trailer =
      footer.substr(footer.size() - kPackTrailerBytes);
  ASSIGN_OR_RETURN(const PackTrailer fields,
                   DecodePackTrailer(trailer, footer_offset + footer.size()));
  const std::string_view bytes =
      footer.substr(0, footer.size() - kPackTrailerBytes);
  if (fields.footer_offset != footer_offset ||
      FooterChecksum(pack, bytes, trailer).view() !=
          trailer.substr(kTrailerChecksumOffset)) {
    return absl::DataLossError("pack footer has a wrong checksum");
  }
  std::vector<PackEntry> entries;
  entries.reserve(fields.count);
  uint64_t end = kPackBlockBytes;
  for (size_t at = 0; at < bytes.size(); at += kPackEntryBytes) {
    ASSIGN_OR_RETURN(PackEntry entry,
                     DecodeEntry(bytes.substr(at, kPackEntryBytes)));
    const uint64_t extent = RecordExtent(entry.stored_length);
    if (entry.offset % kRecordAlignment != 0 || entry.offset < end ||
        entry.offset > footer_offset || extent > footer_offset - entry.offset) {
      return absl::DataLossError(
          absl::StrCat("pack footer names a record at ", entry.offset, " of ",
                       extent, " bytes between ", end, " and ", footer_offset));
    }
    end = entry.offset + extent;
    entries.push_back(std::move(entry));
  }
  return entries;
}

}  // namespace cairn
