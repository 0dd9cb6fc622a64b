#include "services/chunk_storage/engine/record_piece.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256_batch.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

// Reading them costs less than another read.
constexpr uint64_t kMaxGapBytes = uint64_t{64} << 10;

uint64_t BytesOf(const Place& place) {
  return kRecordHeaderBytes + place.stored_length;
}

std::string Where(const Uuid& pack, const Place& place) {
  return absl::StrCat("pack ", pack.ToString(), " at ", place.offset);
}

// `bytes` starts with the record.
absl::StatusOr<ReadRecord> Parse(const Uuid& pack, const PlacedRecord& record,
                                 std::string_view bytes) {
  const Place& place = record.place;
  if (bytes.size() < BytesOf(place)) {
    return absl::DataLossError(absl::StrCat(Where(pack, place), ": has ",
                                            bytes.size(), " of ",
                                            BytesOf(place), " bytes"));
  }
  absl::StatusOr<RecordHeader> header = DecodeRecordHeader(
      bytes.substr(0, kRecordHeaderBytes), pack, place.offset);
  if (!header.ok()) {
    return absl::DataLossError(
        absl::StrCat(Where(pack, place), ": ", header.status().message()));
  }
  if (header->key != record.key ||
      header->stored_length != place.stored_length) {
    return absl::DataLossError(absl::StrCat(
        Where(pack, place), ": holds ", header->key.ToString(), " of ",
        header->stored_length, " bytes, expected were ", place.stored_length));
  }
  return ReadRecord{*std::move(header),
                    bytes.substr(kRecordHeaderBytes, place.stored_length)};
}

}  // namespace

std::vector<RecordPiece> CutPieces(std::span<const PlacedRecord> records,
                                   uint64_t max_bytes) {
  std::vector<RecordPiece> pieces;
  for (size_t i = 0; i < records.size(); ++i) {
    const Place& place = records[i].place;
    const uint64_t end = place.offset + BytesOf(place);
    if (!pieces.empty()) {
      RecordPiece& last = pieces.back();
      const uint64_t last_end = last.offset + last.length;
      if (place.offset >= last_end && place.offset - last_end <= kMaxGapBytes &&
          end - last.offset <= max_bytes) {
        ++last.count;
        last.length = end - last.offset;
        continue;
      }
    }
    pieces.push_back({.first = i,
                      .count = 1,
                      .offset = place.offset,
                      .length = BytesOf(place)});
  }
  return pieces;
}

size_t BatchSize(std::span<const RecordPiece> pieces, uint64_t max_bytes) {
  uint64_t bytes = 0;
  size_t count = 0;
  for (; count < pieces.size(); ++count) {
    bytes += pieces[count].length;
    if (count > 0 && bytes > max_bytes) break;
  }
  return count;
}

absl::StatusOr<ReadPiece> ReadRecords(const PackSet::FileOfPack& pack,
                                      std::span<const PlacedRecord> records,
                                      const RecordPiece& piece) {
  ReadPiece result;
  records = records.subspan(piece.first, piece.count);
  absl::StatusOr<std::string> bytes =
      pack.file->ReadAt(piece.offset, piece.length);
  if (!bytes.ok() && !absl::IsDataLoss(bytes.status())) return bytes.status();
  if (bytes.ok()) {
    result.bytes = *std::move(bytes);
    for (const PlacedRecord& record : records) {
      const uint64_t at = record.place.offset - piece.offset;
      const std::string_view rest =
          std::string_view(result.bytes)
              .substr(std::min<uint64_t>(at, result.bytes.size()));
      result.records.push_back(Parse(pack.uuid, record, rest));
    }
    return result;
  }
  // A bad sector: the records beside it are good.
  result.alone.reserve(records.size());
  for (const PlacedRecord& record : records) {
    absl::StatusOr<std::string> one =
        pack.file->ReadAt(record.place.offset, BytesOf(record.place));
    if (!one.ok() && !absl::IsDataLoss(one.status())) return one.status();
    if (!one.ok()) {
      result.records.push_back(one.status());
      continue;
    }
    result.alone.push_back(*std::move(one));
    result.records.push_back(Parse(pack.uuid, record, result.alone.back()));
  }
  return result;
}

void ProvePayloads(const Uuid& pack, std::span<const PlacedRecord> records,
                   std::span<ReadPiece> pieces) {
  struct Read {
    absl::StatusOr<ReadRecord>* record;
    const Place* place;
  };
  std::vector<Read> read;
  std::vector<std::string_view> payloads;
  size_t at = 0;
  for (ReadPiece& piece : pieces) {
    for (absl::StatusOr<ReadRecord>& record : piece.records) {
      const Place& place = records[at++].place;
      if (!record.ok()) continue;
      read.push_back({&record, &place});
      payloads.push_back(record->payload);
    }
  }
  std::vector<Digest> digests(payloads.size());
  Sha256Batch(payloads, digests);
  for (size_t i = 0; i < read.size(); ++i) {
    absl::StatusOr<ReadRecord>& record = *read[i].record;
    if (digests[i] == record->header.payload_digest) continue;
    record = absl::DataLossError(absl::StrCat(
        Where(pack, *read[i].place), ": payload digest is ", digests[i].ToHex(),
        ", header says ", record->header.payload_digest.ToHex()));
  }
}

}  // namespace cairn::chunk_storage
