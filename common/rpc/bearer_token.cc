#include "common/rpc/bearer_token.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "common/rpc/token_directory.h"

namespace cairn {
namespace {

bool IsToken(std::string_view text) {
  if (text.size() > TokenDirectory::kMaxTokenBytes) return false;
  while (text.ends_with('=')) text.remove_suffix(1);
  if (text.empty()) return false;
  for (const char c : text) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) &&
        std::string_view("-._~+/").find(c) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

}  // namespace

ShownToken ReadBearerToken(std::span<const std::string_view> values) {
  constexpr std::string_view kScheme = "bearer ";
  if (values.empty()) return {};
  ShownToken malformed = {.kind = ShownToken::Kind::kMalformed, .token = {}};
  std::string_view value = values.front();
  if (values.size() > 1 ||
      !absl::EqualsIgnoreCase(value.substr(0, kScheme.size()), kScheme)) {
    return malformed;
  }
  value.remove_prefix(kScheme.size());
  if (!IsToken(value)) return malformed;
  return {.kind = ShownToken::Kind::kToken, .token = value};
}

}  // namespace cairn
