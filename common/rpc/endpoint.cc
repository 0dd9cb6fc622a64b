#include "common/rpc/endpoint.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

constexpr size_t kMaxHostBytes = 253;
constexpr char kForms[] =
    "allowed are unix:/path, host:port, tls:host:port and "
    "plaintext:host:port";

bool TakePrefix(std::string_view& text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return false;
  text.remove_prefix(prefix.size());
  return true;
}

bool IsHostCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' || c == ':';
}

bool IsHost(std::string_view host, bool bracketed) {
  if (host.empty() || host.size() > kMaxHostBytes) return false;
  for (const char c : host) {
    if (!IsHostCharacter(c)) return false;
  }
  return bracketed == (host.find(':') != std::string_view::npos);
}

// Splits "host:port" or "[v6]:port".
bool SplitHostPort(std::string_view text, Endpoint* endpoint) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view host = text.substr(0, colon);
  const std::string_view port = text.substr(colon + 1);
  const bool bracketed =
      host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  uint32_t number = 0;
  if (port.empty() || port.size() > 5 ||
      port.find_first_not_of("0123456789") != std::string_view::npos ||
      !absl::SimpleAtoi(port, &number) || number > 65535) {
    return false;
  }
  endpoint->host = std::string(host);
  endpoint->port = static_cast<uint16_t>(number);
  return IsHost(host, bracketed);
}

absl::StatusOr<Endpoint> ParseUnix(std::string_view path) {
  if (path.empty() || path[0] != '/' ||
      path.size() >= sizeof(sockaddr_un::sun_path) ||
      path.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(absl::StrCat(
        "unix socket path \"", path, "\" must be absolute and have 1..",
        sizeof(sockaddr_un::sun_path) - 1, " bytes"));
  }
  Endpoint endpoint;
  endpoint.kind = Endpoint::Kind::kUnix;
  endpoint.path = std::string(path);
  return endpoint;
}

}  // namespace

std::string Endpoint::Address() const {
  if (kind == Kind::kUnix) return absl::StrCat("unix:", path);
  const bool is_v6 = host.find(':') != std::string::npos;
  return absl::StrCat(is_v6 ? "[" : "", host, is_v6 ? "]" : "", ":", port);
}

bool IsLoopbackAddress(std::string_view host) {
  const std::string text(host);
  in_addr v4;
  if (inet_pton(AF_INET, text.c_str(), &v4) == 1) {
    return (ntohl(v4.s_addr) >> 24) == 127;
  }
  in6_addr v6;
  return inet_pton(AF_INET6, text.c_str(), &v6) == 1 &&
         std::memcmp(&v6, &in6addr_loopback, sizeof(v6)) == 0;
}

absl::StatusOr<Endpoint> ParseEndpoint(std::string_view text,
                                       bool has_tls_files) {
  const std::string_view whole = text;
  if (TakePrefix(text, "unix:")) return ParseUnix(text);
  Endpoint endpoint;
  endpoint.kind =
      has_tls_files ? Endpoint::Kind::kTls : Endpoint::Kind::kPlaintext;
  if (TakePrefix(text, "tls:")) {
    endpoint.kind = Endpoint::Kind::kTls;
  } else if (TakePrefix(text, "plaintext:")) {
    endpoint.kind = Endpoint::Kind::kPlaintext;
  }
  if (!SplitHostPort(text, &endpoint)) {
    return absl::InvalidArgumentError(
        absl::StrCat("address \"", whole, "\" is none, ", kForms));
  }
  if (endpoint.kind == Endpoint::Kind::kTls) {
    if (has_tls_files) return endpoint;
    return absl::InvalidArgumentError(
        absl::StrCat("address ", whole,
                     " needs tls-ca-file, tls-cert-file and tls-key-file"));
  }
  if (endpoint.host == "localhost") endpoint.host = "127.0.0.1";
  if (!IsLoopbackAddress(endpoint.host)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "address ", whole,
        " is plaintext and not loopback: set tls-ca-file, tls-cert-file and "
        "tls-key-file, or use 127.0.0.1, [::1] or unix:/path"));
  }
  return endpoint;
}

}  // namespace cairn
