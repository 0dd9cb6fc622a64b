#include "services/index/domain/page_token.h"

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"

namespace cairn::index {
namespace {

constexpr char kVersion = 1;
constexpr size_t kQueryBytes = 16;
constexpr size_t kChecksumBytes = 8;
// Longer than any token of ours: positions are keys, at most 600 bytes.
constexpr size_t kMaxTokenBytes = 2048;

std::string Checksum(std::string_view bytes) {
  return std::string(Sha256(bytes).view().substr(0, kChecksumBytes));
}

}  // namespace

absl::Status PageTokenInvalid(std::string_view why) {
  return WithReason(
      absl::InvalidArgumentError(absl::StrCat(
          "page_token ", why,
          "; pass the next_page_token of the same query, or start again")),
      reason::kPageTokenInvalid);
}

std::string EncodePageToken(const Digest& query, std::string_view position) {
  std::string bytes(1, kVersion);
  absl::StrAppend(&bytes, query.view().substr(0, kQueryBytes), position);
  return absl::WebSafeBase64Escape(absl::StrCat(bytes, Checksum(bytes)));
}

absl::StatusOr<std::string> DecodePageToken(const Digest& query,
                                            std::string_view token) {
  if (token.size() > kMaxTokenBytes) {
    return PageTokenInvalid(
        absl::StrCat("is ", token.size(), " bytes long, more than any"));
  }
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(token, &bytes) ||
      bytes.size() < 1 + kQueryBytes + kChecksumBytes) {
    return PageTokenInvalid("is garbled");
  }
  const std::string_view body =
      std::string_view(bytes).substr(0, bytes.size() - kChecksumBytes);
  // Another text of the same bytes is garbled too: a token has one form.
  if (std::string_view(bytes).substr(body.size()) != Checksum(body) ||
      absl::WebSafeBase64Escape(bytes) != token) {
    return PageTokenInvalid("is garbled");
  }
  if (body[0] != kVersion) return PageTokenInvalid("is of another release");
  if (body.substr(1, kQueryBytes) != query.view().substr(0, kQueryBytes)) {
    return PageTokenInvalid("belongs to another query");
  }
  return std::string(body.substr(1 + kQueryBytes));
}

}  // namespace cairn::index
