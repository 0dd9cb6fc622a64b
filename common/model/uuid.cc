#include "common/model/uuid.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

constexpr size_t kTextLength = 36;

bool IsHyphenPlace(size_t i) { return i == 8 || i == 13 || i == 18 || i == 23; }

// True if `text` is 8-4-4-4-12 hexadecimal digits.
bool HasTextForm(std::string_view text) {
  if (text.size() != kTextLength) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const bool fits =
        IsHyphenPlace(i)
            ? text[i] == '-'
            : absl::ascii_isxdigit(static_cast<unsigned char>(text[i]));
    if (!fits) return false;
  }
  return true;
}

}  // namespace

Uuid Uuid::Random(absl::BitGenRef random) {
  Uuid uuid;
  for (uint8_t& byte : uuid.bytes) {
    byte = static_cast<uint8_t>(absl::Uniform<uint16_t>(random, 0, 256));
  }
  uuid.bytes[6] = static_cast<uint8_t>((uuid.bytes[6] & 0x0f) | 0x40);
  uuid.bytes[8] = static_cast<uint8_t>((uuid.bytes[8] & 0x3f) | 0x80);
  return uuid;
}

absl::StatusOr<Uuid> Uuid::FromBytes(std::string_view raw) {
  Uuid uuid;
  if (raw.size() != uuid.bytes.size()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "uuid is ", raw.size(), " bytes long, must be ", uuid.bytes.size()));
  }
  std::copy(raw.begin(), raw.end(), uuid.bytes.begin());
  return uuid;
}

absl::StatusOr<Uuid> Uuid::Parse(std::string_view text) {
  if (!HasTextForm(text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "uuid \"", absl::CHexEscape(text.substr(0, 2 * kTextLength)),
        "\" is not of the form 01234567-89ab-cdef-0123-456789abcdef"));
  }
  std::string digits;
  for (const char c : text) {
    if (c != '-') digits.push_back(c);
  }
  return FromBytes(absl::HexStringToBytes(digits));
}

std::string Uuid::ToString() const {
  const std::string digits = absl::BytesToHexString(view());
  std::string text;
  text.reserve(kTextLength);
  for (const char c : digits) {
    if (IsHyphenPlace(text.size())) text.push_back('-');
    text.push_back(c);
  }
  return text;
}

}  // namespace cairn
