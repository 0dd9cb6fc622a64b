#include "common/status/reason.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

// Payload, version 1: the version byte, the code, the number of metadata
// entries (1 byte), then keys and values in key order. Each string is its
// length in 2 bytes, little endian, and its bytes. So equal reasons have
// equal payloads.
constexpr char kTypeUrl[] = "cairn/reason";
constexpr char kVersion = 1;
constexpr size_t kMaxCodeBytes = 63;
constexpr size_t kMaxEntries = 16;
constexpr size_t kMaxKeyBytes = 64;
constexpr size_t kMaxValueBytes = 1024;

bool IsValidCode(std::string_view code) {
  if (code.empty() || code.size() > kMaxCodeBytes) return false;
  if (code[0] < 'A' || code[0] > 'Z') return false;
  for (const char c : code) {
    const bool allowed =
        (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    if (!allowed) return false;
  }
  return true;
}

void AppendString(std::string& out, std::string_view text, size_t limit) {
  text = text.substr(0, limit);
  out.push_back(static_cast<char>(text.size() & 0xff));
  out.push_back(static_cast<char>(text.size() >> 8));
  out.append(text);
}

// Takes one string off the front of `in`; false if it is not there.
bool TakeString(std::string_view& in, size_t limit, std::string& text) {
  if (in.size() < 2) return false;
  const size_t size = static_cast<uint8_t>(in[0]) |
                      static_cast<size_t>(static_cast<uint8_t>(in[1])) << 8;
  in.remove_prefix(2);
  if (size > limit || size > in.size()) return false;
  text.assign(in.substr(0, size));
  in.remove_prefix(size);
  return true;
}

std::string EncodeReason(std::string_view code,
                         const std::map<std::string, std::string>& metadata) {
  std::string out(1, kVersion);
  AppendString(out, code, kMaxCodeBytes);
  const size_t count = std::min(metadata.size(), kMaxEntries);
  out.push_back(static_cast<char>(count));
  size_t written = 0;
  for (const auto& [key, value] : metadata) {
    if (written++ == count) break;
    AppendString(out, key, kMaxKeyBytes);
    AppendString(out, value, kMaxValueBytes);
  }
  return out;
}

std::optional<Reason> DecodeReason(std::string_view in) {
  if (in.empty() || in[0] != kVersion) return std::nullopt;
  in.remove_prefix(1);
  Reason reason;
  if (!TakeString(in, kMaxCodeBytes, reason.code)) return std::nullopt;
  if (!IsValidCode(reason.code) || in.empty()) return std::nullopt;
  const size_t count = static_cast<uint8_t>(in[0]);
  in.remove_prefix(1);
  if (count > kMaxEntries) return std::nullopt;
  for (size_t i = 0; i < count; ++i) {
    std::string key;
    std::string value;
    if (!TakeString(in, kMaxKeyBytes, key) ||
        !TakeString(in, kMaxValueBytes, value)) {
      return std::nullopt;
    }
    reason.metadata.emplace(std::move(key), std::move(value));
  }
  if (!in.empty()) return std::nullopt;
  return reason;
}

}  // namespace

absl::Status WithReason(absl::Status status, std::string_view code,
                        std::map<std::string, std::string> metadata) {
  if (status.ok() || !IsValidCode(code)) return status;
  status.SetPayload(kTypeUrl, absl::Cord(EncodeReason(code, metadata)));
  return status;
}

std::optional<Reason> ReasonOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kTypeUrl);
  if (!payload.has_value()) return std::nullopt;
  return DecodeReason(std::string(*payload));
}

bool HasReason(const absl::Status& status, std::string_view code) {
  const std::optional<Reason> reason = ReasonOf(status);
  return reason.has_value() && reason->code == code;
}

absl::Status WithContext(const absl::Status& status, std::string_view context) {
  if (status.ok()) return status;
  absl::Status result(status.code(),
                      absl::StrCat(context, ": ", status.message()));
  status.ForEachPayload(
      [&result](absl::string_view type_url, const absl::Cord& payload) {
        result.SetPayload(type_url, payload);
      });
  return result;
}

}  // namespace cairn
