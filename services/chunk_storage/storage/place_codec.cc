#include "services/chunk_storage/storage/place_codec.h"

#include <algorithm>
#include <limits>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/page/byte_reader.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

constexpr uint8_t kPlaintextForm = 0;
constexpr uint8_t kDomainForm = 1;
constexpr uint8_t kBadBit = 0x80;

absl::Status BadRow(std::string_view what, std::string_view bytes) {
  return absl::DataLossError(absl::StrCat("place ", what, " ",
                                          absl::BytesToHexString(bytes),
                                          " is not well formed"));
}

bool IsKnownNumber(uint8_t number) { return number >= 1 && number <= 4; }

// A varint of at most 32 bits.
std::optional<uint32_t> Varint32(ByteReader& reader) {
  const std::optional<uint64_t> value = reader.Varint();
  if (!value.has_value() || *value > std::numeric_limits<uint32_t>::max()) {
    return std::nullopt;
  }
  return static_cast<uint32_t>(*value);
}

}  // namespace

std::string DatastorePrefix(uint32_t datastore) {
  std::string prefix;
  for (int shift = 24; shift >= 0; shift -= 8) {
    prefix.push_back(static_cast<char>(datastore >> shift));
  }
  return prefix;
}

std::string EncodePlaceKey(uint32_t datastore, const RecordKey& key) {
  std::string bytes = DatastorePrefix(datastore);
  bytes.push_back(static_cast<char>(key.kind));
  if (key.domain.is_plaintext()) {
    bytes.push_back(static_cast<char>(kPlaintextForm));
  } else {
    bytes.push_back(static_cast<char>(kDomainForm));
    bytes.append(key.domain.view());
  }
  bytes.append(key.digest.view());
  return bytes;
}

absl::StatusOr<RecordKey> DecodePlaceKey(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto datastore = reader.Bytes(4);
  const auto kind = reader.Byte();
  const auto form = reader.Byte();
  if (!datastore || !kind || !form || !IsKnownNumber(*kind) ||
      *form > kDomainForm) {
    return BadRow("key", bytes);
  }
  RecordKey key;
  key.kind = static_cast<RecordKind>(*kind);
  if (*form == kDomainForm) {
    const auto domain = reader.Bytes(key.domain.bytes.size());
    if (!domain) return BadRow("key", bytes);
    std::copy(domain->begin(), domain->end(), key.domain.bytes.begin());
    if (key.domain.is_plaintext()) return BadRow("key", bytes);
  }
  const auto digest = reader.Bytes(key.digest.bytes.size());
  if (!digest || reader.remaining() != 0) return BadRow("key", bytes);
  std::copy(digest->begin(), digest->end(), key.digest.bytes.begin());
  return key;
}

std::string EncodePlace(const Place& place) {
  std::string bytes;
  AppendVarint(place.pack, bytes);
  AppendVarint(place.offset / kRecordAlignment, bytes);
  AppendVarint(place.ordinal, bytes);
  AppendVarint(place.stored_length, bytes);
  AppendVarint(place.plain_length, bytes);
  const auto encoding = static_cast<uint8_t>(place.encoding);
  bytes.push_back(static_cast<char>(place.bad ? encoding | kBadBit : encoding));
  return bytes;
}

absl::StatusOr<Place> DecodePlace(std::string_view bytes) {
  ByteReader reader(bytes);
  const auto pack = Varint32(reader);
  const auto block = reader.Varint();
  const auto ordinal = Varint32(reader);
  const auto stored_length = Varint32(reader);
  const auto plain_length = Varint32(reader);
  const auto encoding = reader.Byte();
  constexpr uint64_t kMaxBlock =
      std::numeric_limits<uint64_t>::max() / kRecordAlignment / 2;
  if (!pack || !block || !ordinal || !stored_length || !plain_length ||
      !encoding || reader.remaining() != 0 || *block > kMaxBlock ||
      *stored_length > kMaxRecordStoredBytes ||
      *plain_length > kMaxRecordPlainBytes ||
      !IsKnownNumber(*encoding & ~kBadBit)) {
    return BadRow("value", bytes);
  }
  return Place{.pack = *pack,
               .ordinal = *ordinal,
               .offset = *block * kRecordAlignment,
               .stored_length = *stored_length,
               .plain_length = *plain_length,
               .encoding = static_cast<Encoding>(*encoding & ~kBadBit),
               .bad = (*encoding & kBadBit) != 0};
}

}  // namespace cairn::chunk_storage
