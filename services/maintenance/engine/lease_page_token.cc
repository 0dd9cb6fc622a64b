#include "services/maintenance/engine/lease_page_token.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/status/reason.h"

namespace cairn::maintenance {
namespace {

constexpr size_t kTimeBytes = 8;
constexpr size_t kTokenLength = 2 * (kTimeBytes + sizeof(Uuid::bytes));

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

}  // namespace

std::string FormatLeasePageToken(const LeaseTable::Position& last) {
  const uint64_t nanos = static_cast<uint64_t>(absl::ToUnixNanos(last.first));
  std::string raw;
  for (size_t i = 0; i < kTimeBytes; ++i) {
    raw.push_back(static_cast<char>(nanos >> (8 * (kTimeBytes - 1 - i))));
  }
  raw.append(last.second.view());
  return absl::BytesToHexString(raw);
}

absl::StatusOr<std::optional<LeaseTable::Position>> ParseLeasePageToken(
    std::string_view token) {
  if (token.empty()) return std::optional<LeaseTable::Position>();
  if (token.size() != kTokenLength || !IsHex(token)) {
    return WithReason(absl::InvalidArgumentError(
                          "page token is not one of this list; start anew"),
                      reason::kPageTokenInvalid);
  }
  const std::string raw = absl::HexStringToBytes(token);
  uint64_t nanos = 0;
  for (size_t i = 0; i < kTimeBytes; ++i) {
    nanos = nanos << 8 | static_cast<unsigned char>(raw[i]);
  }
  LeaseTable::Position position;
  position.first = absl::FromUnixNanos(static_cast<int64_t>(nanos));
  std::copy(raw.begin() + kTimeBytes, raw.end(), position.second.bytes.begin());
  return std::optional(position);
}

}  // namespace cairn::maintenance
