#include "common/token/token_text.h"

#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"

namespace cairn {
namespace {

constexpr std::string_view kPrefix = "cairn_";
constexpr char kSeparator = '_';
constexpr size_t kIdAt = kPrefix.size();
constexpr size_t kSecretAt = kIdAt + kTokenIdChars + 1;

// Without padding.
std::string Encode(std::string_view bytes) {
  std::string text;
  absl::WebSafeBase64Escape(bytes, &text);
  return text;
}

// None unless `text` is what Encode makes of the result: the decoder of Abseil
// takes padding and white space too.
std::optional<std::string> Decode(std::string_view text) {
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(text, &bytes) || Encode(bytes) != text) {
    return std::nullopt;
  }
  return bytes;
}

}  // namespace

Digest HashTokenSecret(std::string_view secret) { return Sha256(secret); }

std::string FormatTokenId(const Uuid& id) { return Encode(id.view()); }

std::optional<Uuid> ParseTokenId(std::string_view text) {
  if (text.size() != kTokenIdChars) return std::nullopt;
  const std::optional<std::string> bytes = Decode(text);
  if (!bytes.has_value()) return std::nullopt;
  const absl::StatusOr<Uuid> id = Uuid::FromBytes(*bytes);
  return id.ok() ? std::optional(*id) : std::nullopt;
}

std::string FormatTokenText(const Uuid& id, std::string_view secret) {
  return absl::StrCat(kPrefix, FormatTokenId(id), std::string(1, kSeparator),
                      Encode(secret));
}

std::optional<TokenProof> ParseTokenText(std::string_view text) {
  if (text.size() != kTokenTextChars || !text.starts_with(kPrefix) ||
      text[kSecretAt - 1] != kSeparator) {
    return std::nullopt;
  }
  const std::optional<Uuid> id =
      ParseTokenId(text.substr(kIdAt, kTokenIdChars));
  const std::optional<std::string> secret = Decode(text.substr(kSecretAt));
  if (!id.has_value() || !secret.has_value() ||
      secret->size() != kTokenSecretBytes) {
    return std::nullopt;
  }
  return TokenProof{.id = *id, .secret_hash = HashTokenSecret(*secret)};
}

}  // namespace cairn
