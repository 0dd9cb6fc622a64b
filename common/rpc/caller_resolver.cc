#include "common/rpc/caller_resolver.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>
#include <pwd.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/model/principal_name.h"
#include "common/rpc/certificate_expiry.h"
#include "common/rpc/endpoint.h"
#include "common/rpc/role_name.h"
#include "common/time/clock.h"

namespace cairn {
namespace {

// "root", or "uid1000" for a user without a (proper) name.
std::string UserName(uid_t uid) {
  std::array<char, 4096> buffer;
  passwd entry;
  passwd* found = nullptr;
  if (getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 &&
      found != nullptr && IsPrincipalName(found->pw_name)) {
    return found->pw_name;
  }
  return absl::StrCat("uid", uid);
}

Caller TlsCaller(CallerRole role, std::string_view name,
                 std::string_view suffix) {
  if (role == CallerRole::kNone || !IsPrincipalName(name)) return Caller();
  return Caller{.kind = CallerKind::kTls,
                .role = role,
                .principal = absl::StrCat(name, suffix)};
}

Caller CallerFromCertificate(const PeerFacts& peer) {
  if (peer.uri_names.empty()) {
    return TlsCaller(CallerRole::kBackup, peer.common_name, "@tls");
  }
  if (peer.uri_names.size() > 1) return Caller();
  std::string_view id = peer.uri_names.front();
  constexpr std::string_view kTrustDomain = "spiffe://cairn/";
  if (!id.starts_with(kTrustDomain)) return Caller();
  id.remove_prefix(kTrustDomain.size());
  const size_t slash = id.find('/');
  if (slash == std::string_view::npos) return Caller();
  const std::string_view role = id.substr(0, slash);
  const std::string_view name = id.substr(slash + 1);
  if (role == "service") {
    return TlsCaller(FindServiceRole(name), name, "@service");
  }
  return TlsCaller(FindPersonRole(role), name, "@tls");
}

// The host of "ipv4:127.0.0.1:40000" or "ipv6:[::1]:40000", where gRPC may
// have written the brackets as %5B and %5D.
std::string PeerHost(std::string_view address) {
  if (address.starts_with("ipv4:")) {
    address.remove_prefix(5);
    const size_t colon = address.rfind(':');
    return std::string(address.substr(0, colon));
  }
  if (!address.starts_with("ipv6:")) return "";
  address.remove_prefix(5);
  const std::string_view open = address.starts_with("%5B") ? "%5B" : "[";
  const std::string_view close = address.starts_with("%5B") ? "%5D" : "]";
  if (!address.starts_with(open)) return "";
  address.remove_prefix(open.size());
  const size_t end = address.find(close);
  if (end == std::string_view::npos) return "";
  return std::string(address.substr(0, end));
}

// Two kilobytes each.
constexpr size_t kMaxKnownCertificates = 1024;

std::string FirstProperty(const grpc::AuthContext& auth, const char* name) {
  const auto values = auth.FindPropertyValues(name);
  // Two values mean that it is not clear who it is.
  if (values.size() != 1) return "";
  return std::string(values[0].data(), values[0].size());
}

bool IsTls(const PeerFacts& peer) {
  return peer.security_type == GRPC_TLS_TRANSPORT_SECURITY_TYPE ||
         peer.security_type == GRPC_SSL_TRANSPORT_SECURITY_TYPE;
}

std::optional<int> FileDescriptorOf(std::string_view address) {
  int fd = -1;
  if (!address.starts_with("fd:") ||
      !absl::SimpleAtoi(address.substr(3), &fd)) {
    return std::nullopt;
  }
  return fd;
}

}  // namespace

void UnixCallers::Remember(int fd, Caller caller) {
  absl::MutexLock lock(&mutex_);
  callers_[fd] = std::move(caller);
}

Caller UnixCallers::Find(int fd) const {
  absl::MutexLock lock(&mutex_);
  const auto found = callers_.find(fd);
  return found == callers_.end() ? Caller() : found->second;
}

Caller CallerFromUid(uid_t uid, uid_t own_uid,
                     const std::vector<uint32_t>& allowed_uids) {
  CallerRole role = CallerRole::kNone;
  if (uid == own_uid || uid == 0) {
    role = CallerRole::kAdmin;
  } else if (std::find(allowed_uids.begin(), allowed_uids.end(), uid) !=
             allowed_uids.end()) {
    role = CallerRole::kBackup;
  } else {
    return Caller();
  }
  return Caller{.kind = CallerKind::kUnix,
                .role = role,
                .principal = absl::StrCat(UserName(uid), "@unix")};
}

Caller CallerFromPeer(const PeerFacts& peer) {
  if (IsTls(peer)) {
    return peer.authenticated && !peer.expired ? CallerFromCertificate(peer)
                                               : Caller();
  }
  if (IsLoopbackAddress(PeerHost(peer.address))) {
    return Caller{.kind = CallerKind::kLoopback,
                  .role = CallerRole::kAdmin,
                  .principal = "loopback"};
  }
  return Caller();
}

Connection ConnectionFromPeer(const PeerFacts& peer) {
  Connection connection = {.caller = CallerFromPeer(peer)};
  connection.carries_tokens =
      IsTls(peer) || connection.caller.kind == CallerKind::kLoopback;
  return connection;
}

bool CallerResolver::IsExpired(const std::string& certificate) const {
  const absl::Time now = SystemClock().Now();
  absl::MutexLock lock(&mutex_);
  if (ends_.size() >= kMaxKnownCertificates) ends_.clear();
  const auto [known, is_new] = ends_.try_emplace(certificate);
  if (is_new) {
    // One that cannot be read counts as one that has ended.
    known->second = ExpiryOf(certificate).value_or(absl::InfinitePast());
  }
  return known->second <= now;
}

Connection CallerResolver::Resolve(
    const grpc::ServerContextBase& context) const {
  PeerFacts peer;
  peer.address = context.peer();
  if (const std::optional<int> fd = FileDescriptorOf(peer.address)) {
    Connection connection = {.caller = unix_callers_->Find(*fd)};
    connection.carries_tokens = connection.caller.kind == CallerKind::kUnix;
    return connection;
  }
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  if (auth != nullptr) {
    peer.authenticated = auth->IsPeerAuthenticated();
    peer.security_type =
        FirstProperty(*auth, GRPC_TRANSPORT_SECURITY_TYPE_PROPERTY_NAME);
    peer.common_name = FirstProperty(*auth, GRPC_X509_CN_PROPERTY_NAME);
    // Not the property of SPIFFE ids: it is left out where there is more than
    // one URI name, or another one.
    for (const grpc::string_ref& name :
         auth->FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
      peer.uri_names.emplace_back(name.data(), name.size());
    }
    // A handshake has looked at the certificate, and an open connection may
    // outlive it; a session that is resumed has had none.
    peer.expired =
        FirstProperty(*auth, GRPC_SSL_SESSION_REUSED_PROPERTY) == "true" &&
        IsExpired(FirstProperty(*auth, GRPC_X509_PEM_CERT_PROPERTY_NAME));
  }
  return ConnectionFromPeer(peer);
}

}  // namespace cairn
