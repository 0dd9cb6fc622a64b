#include "common/pack/pack_scanner.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr size_t kWindowBytes = size_t{1} << 20;

bool IsZero(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(),
                     [](char c) { return c == '\0'; });
}

}  // namespace

PackScanner::PackScanner(const Uuid& pack, uint64_t end, PackRead read)
    : pack_(pack), end_(end), read_(std::move(read)) {}

void PackScanner::AddDamage(uint64_t offset, uint64_t length) {
  damaged_bytes_ += length;
  if (!damaged_.empty() &&
      damaged_.back().offset + damaged_.back().length == offset) {
    damaged_.back().length += length;
  } else if (damaged_.size() < kMaxDamagedRanges) {
    damaged_.push_back({offset, length});
  }
}

absl::StatusOr<std::string_view> PackScanner::View(uint64_t offset,
                                                   size_t length) {
  const uint64_t wanted = std::min<uint64_t>(length, end_ - offset);
  const bool inside = offset >= window_offset_ &&
                      offset + wanted <= window_offset_ + window_.size();
  if (!inside) {
    absl::StatusOr<std::string> bytes = read_(
        offset, std::min<uint64_t>(std::max<uint64_t>(kWindowBytes, wanted),
                                   end_ - offset));
    // One bad sector must not hide the good ones beside it.
    if (absl::IsDataLoss(bytes.status())) {
      const uint64_t block_end = AlignUp(offset + wanted, kPackBlockBytes);
      bytes = read_(offset, std::min(block_end, end_) - offset);
    }
    RETURN_IF_ERROR(bytes.status());
    window_ = *std::move(bytes);
    window_offset_ = offset;
  }
  return std::string_view(window_).substr(offset - window_offset_, wanted);
}

absl::Status PackScanner::ReadHeaderBlock() {
  const uint64_t length = std::min(end_, kPackBlockBytes);
  position_ = length;
  const absl::StatusOr<std::string_view> block = View(0, length);
  if (!block.ok()) {
    if (!absl::IsDataLoss(block.status())) return block.status();
    AddDamage(0, length);
    return absl::OkStatus();
  }
  absl::StatusOr<PackHeader> header = DecodePackHeader(*block);
  if (header.ok() && header->pack == pack_) {
    header_ = *std::move(header);
  } else if (!IsZero(*block)) {
    AddDamage(0, length);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<PackEntry>> PackScanner::ProveRecord(
    const RecordHeader& header) {
  const uint64_t offset = position_;
  const uint64_t extent =
      std::min(RecordExtent(header.stored_length), end_ - offset);
  position_ += extent;
  const uint64_t whole = kRecordHeaderBytes + header.stored_length;
  const absl::StatusOr<std::string_view> bytes = View(offset, whole);
  if (!bytes.ok() && !absl::IsDataLoss(bytes.status())) return bytes.status();
  if (!bytes.ok() || bytes->size() != whole ||
      Sha256(bytes->substr(kRecordHeaderBytes)) != header.payload_digest) {
    AddDamage(offset, extent);
    if (damaged_records_.size() < kMaxPackRecords) {
      damaged_records_.push_back(EntryOf(header, offset));
    }
    return std::nullopt;
  }
  return EntryOf(header, offset);
}

absl::StatusOr<std::optional<PackEntry>> PackScanner::Next() {
  if (!started_) {
    started_ = true;
    RETURN_IF_ERROR(ReadHeaderBlock());
  }
  while (position_ < end_) {
    const uint64_t step = std::min(kRecordAlignment, end_ - position_);
    const absl::StatusOr<std::string_view> bytes =
        View(position_, kRecordHeaderBytes);
    if (!bytes.ok()) {
      if (!absl::IsDataLoss(bytes.status())) return bytes.status();
      const uint64_t block = std::min(
          kPackBlockBytes - position_ % kPackBlockBytes, end_ - position_);
      AddDamage(position_, block);
      position_ += block;
      continue;
    }
    if (LooksLikeRecordHeader(*bytes)) {
      const absl::StatusOr<RecordHeader> header =
          DecodeRecordHeader(*bytes, pack_, position_);
      if (header.ok()) {
        ASSIGN_OR_RETURN(std::optional<PackEntry> entry, ProveRecord(*header));
        if (entry.has_value()) return entry;
        continue;
      }
    }
    if (!IsZero(bytes->substr(0, step))) AddDamage(position_, step);
    position_ += step;
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<PackContents>> ReadPackFooter(
    const Uuid& pack, uint64_t file_bytes, const PackRead& read) {
  if (file_bytes < kPackBlockBytes + kPackTrailerBytes) return std::nullopt;
  absl::StatusOr<std::string> bytes =
      read(file_bytes - kPackTrailerBytes, kPackTrailerBytes);
  if (absl::IsDataLoss(bytes.status())) return std::nullopt;
  RETURN_IF_ERROR(bytes.status());
  const absl::StatusOr<PackTrailer> trailer =
      DecodePackTrailer(*bytes, file_bytes);
  if (!trailer.ok()) return std::nullopt;
  bytes = read(trailer->footer_offset, file_bytes - trailer->footer_offset);
  if (absl::IsDataLoss(bytes.status())) return std::nullopt;
  RETURN_IF_ERROR(bytes.status());
  absl::StatusOr<std::vector<PackEntry>> entries =
      DecodePackFooter(*bytes, pack, trailer->footer_offset);
  if (!entries.ok()) return std::nullopt;
  return PackContents{trailer->footer_offset, *std::move(entries)};
}

absl::StatusOr<RecordHeader> ReadPackRecordHeader(const Uuid& pack,
                                                  uint64_t offset,
                                                  const PackRead& read) {
  ASSIGN_OR_RETURN(const std::string bytes, read(offset, kRecordHeaderBytes));
  absl::StatusOr<RecordHeader> header = DecodeRecordHeader(bytes, pack, offset);
  if (header.ok()) return header;
  return WithContext(header.status(),
                     absl::StrCat("pack ", pack.ToString(), " at ", offset));
}

absl::StatusOr<Record> ReadPackRecord(const Uuid& pack, const RecordKey& key,
                                      uint64_t offset, uint32_t stored_length,
                                      const PackRead& read) {
  const std::string where =
      absl::StrCat("pack ", pack.ToString(), " at ", offset);
  ASSIGN_OR_RETURN(const RecordHeader header,
                   ReadPackRecordHeader(pack, offset, read));
  if (header.key != key || header.stored_length != stored_length) {
    return absl::DataLossError(absl::StrCat(
        where, ": holds ", header.key.ToString(), " of ", header.stored_length,
        " bytes, expected were ", stored_length));
  }
  Record record = {.key = key,
                   .encoding = header.encoding,
                   .plain_length = header.plain_length,
                   .payload_digest = header.payload_digest,
                   .sequence = header.sequence};
  ASSIGN_OR_RETURN(record.payload,
                   read(offset + kRecordHeaderBytes, stored_length));
  const Digest digest = Sha256(record.payload);
  if (digest != header.payload_digest) {
    return absl::DataLossError(absl::StrCat(where, ": payload digest is ",
                                            digest.ToHex(), ", header says ",
                                            header.payload_digest.ToHex()));
  }
  return record;
}

}  // namespace cairn
