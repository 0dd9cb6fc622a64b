#include "common/rpc/server_identity.h"

#include "absl/strings/match.h"

namespace cairn {

ServerIdentity IdentityOf(std::span<const std::string_view> uris,
                          std::string_view service) {
  constexpr std::string_view kScheme = "spiffe://";
  constexpr std::string_view kServices = "spiffe://cairn/service/";
  ServerIdentity identity = ServerIdentity::kUnsaid;
  for (const std::string_view uri : uris) {
    if (uri.starts_with(kServices) && !service.empty() &&
        uri.substr(kServices.size()) == service) {
      return ServerIdentity::kService;
    }
    if (absl::StartsWithIgnoreCase(uri, kScheme)) {
      identity = ServerIdentity::kAnother;
    }
  }
  return identity;
}

}  // namespace cairn
