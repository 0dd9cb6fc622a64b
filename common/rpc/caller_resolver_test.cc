#include "common/rpc/caller_resolver.h"

#include <string>

#include "gtest/gtest.h"

namespace cairn {
namespace {

PeerFacts Certificate(const std::string& common_name,
                      const std::string& uri_name) {
  PeerFacts peer{.address = "ipv4:10.0.0.1:4711",
                 .security_type = "tls",
                 .authenticated = true,
                 .common_name = common_name};
  if (!uri_name.empty()) peer.uri_names.push_back(uri_name);
  return peer;
}

TEST(CallerFromUidTest, OwnerAndRootAdministerAllowedUsersAreClients) {
  const Caller root = CallerFromUid(0, 1000, {});
  EXPECT_EQ(root.kind, CallerKind::kUnix);
  EXPECT_EQ(root.role, CallerRole::kAdmin);
  EXPECT_EQ(root.principal, "root@unix");
  EXPECT_EQ(CallerFromUid(1000, 1000, {}).role, CallerRole::kAdmin);
  const Caller other = CallerFromUid(54321, 1000, {54321});
  EXPECT_EQ(other.role, CallerRole::kBackup);
  EXPECT_EQ(other.principal, "uid54321@unix");
  EXPECT_EQ(CallerFromUid(54322, 1000, {54321}).kind, CallerKind::kNone);
}

TEST(CallerFromPeerTest, CertificatesNameTheirHolder) {
  const Caller service =
      CallerFromPeer(Certificate("x", "spiffe://cairn/service/ingest"));
  EXPECT_EQ(service.kind, CallerKind::kTls);
  EXPECT_EQ(service.role, CallerRole::kIngest);
  EXPECT_EQ(service.principal, "ingest@service");
  EXPECT_EQ(
      CallerFromPeer(Certificate("x", "spiffe://cairn/service/chunk_storage"))
          .role,
      CallerRole::kChunkStorage);
  EXPECT_EQ(CallerFromPeer(Certificate("x", "spiffe://cairn/reader/r")).role,
            CallerRole::kReader);
  EXPECT_EQ(CallerFromPeer(Certificate("x", "spiffe://cairn/operator/o")).role,
            CallerRole::kOperator);
  EXPECT_EQ(CallerFromPeer(Certificate("x", "spiffe://cairn/backup/b")).role,
            CallerRole::kBackup);
  const Caller admin =
      CallerFromPeer(Certificate("x", "spiffe://cairn/admin/anna"));
  EXPECT_EQ(admin.role, CallerRole::kAdmin);
  EXPECT_EQ(admin.principal, "anna@tls");
  const Caller client = CallerFromPeer(Certificate("web1.example", ""));
  EXPECT_EQ(client.role, CallerRole::kBackup);
  EXPECT_EQ(client.principal, "web1.example@tls");
  EXPECT_EQ(
      CallerFromPeer(Certificate("", "spiffe://cairn/client/web2")).principal,
      "web2@tls");
}

TEST(ConnectionFromPeerTest, TlsAndLoopbackCarryTokens) {
  PeerFacts anonymous = {.address = "ipv4:10.0.0.1:4711",
                         .security_type = "tls"};
  EXPECT_TRUE(ConnectionFromPeer(anonymous).carries_tokens);
  EXPECT_EQ(ConnectionFromPeer(anonymous).caller.kind, CallerKind::kNone);
  EXPECT_TRUE(ConnectionFromPeer(Certificate("web1", "")).carries_tokens);
  const PeerFacts loopback = {.address = "ipv4:127.0.0.1:4711",
                              .security_type = "insecure"};
  EXPECT_TRUE(ConnectionFromPeer(loopback).carries_tokens);
  for (const char* address :
       {"ipv4:10.0.0.1:4711", "ipv6:[fe80::1]:1", "fd:7", "unix:/x", ""}) {
    EXPECT_FALSE(
        ConnectionFromPeer({.address = address, .security_type = "insecure"})
            .carries_tokens)
        << address;
  }
}

TEST(CallerFromPeerTest, NamesThatCouldMisleadAreNobody) {
  for (const PeerFacts& peer :
       {Certificate("", ""), Certificate("a@b", ""), Certificate("a b", ""),
        Certificate("-a", ""), Certificate(std::string("a\0b", 3), ""),
        Certificate(std::string(65, 'a'), ""),
        // A URI name decides alone, whatever the common name is.
        Certificate("web1", "spiffe://other/service/ingest"),
        Certificate("web1", "spiffe://cairn/root/ingest"),
        Certificate("web1", "spiffe://cairn/service/"),
        Certificate("web1", "spiffe://cairn/service/backup"),
        Certificate("web1", "spiffe://cairn/ingest/ingest"),
        Certificate("web1", "spiffe://cairn/service/a/b"),
        Certificate("web1", "urn:uuid:1234"),
        Certificate("web1", "SPIFFE://cairn/reader/x"),
        Certificate("web1", "spiffe://cairn"),
        Certificate("web1", "spiffe://cairn/service")}) {
    EXPECT_EQ(CallerFromPeer(peer).kind, CallerKind::kNone)
        << peer.common_name << " " << peer.uri_names.size();
  }
  PeerFacts two = Certificate("web1", "spiffe://cairn/reader/web1");
  two.uri_names.push_back("https://web1.example");
  EXPECT_EQ(CallerFromPeer(two).kind, CallerKind::kNone);
}

// As a resumed TLS session shows it: no handshake has looked at it.
TEST(CallerFromPeerTest, AnExpiredCertificateIsNobody) {
  PeerFacts peer = Certificate("x", "spiffe://cairn/admin/anna");
  EXPECT_EQ(CallerFromPeer(peer).role, CallerRole::kAdmin);
  peer.expired = true;
  EXPECT_EQ(CallerFromPeer(peer).kind, CallerKind::kNone);
  // A token counts by itself.
  EXPECT_TRUE(ConnectionFromPeer(peer).carries_tokens);
}

TEST(CallerFromPeerTest, TlsWithoutACheckedCertificateIsNobody) {
  PeerFacts peer = Certificate("web1", "");
  peer.authenticated = false;
  EXPECT_EQ(CallerFromPeer(peer).kind, CallerKind::kNone);
  // Not even from loopback.
  peer.address = "ipv4:127.0.0.1:4711";
  EXPECT_EQ(CallerFromPeer(peer).kind, CallerKind::kNone);
}

TEST(CallerFromPeerTest, PlaintextIsLoopbackOrNobody) {
  for (const char* address :
       {"ipv4:127.0.0.1:4711", "ipv6:[::1]:4711", "ipv6:%5B::1%5D:4711"}) {
    const Caller caller = CallerFromPeer({.address = address});
    EXPECT_EQ(caller.kind, CallerKind::kLoopback) << address;
    EXPECT_EQ(caller.role, CallerRole::kAdmin);
  }
  for (const char* address :
       {"ipv4:10.0.0.1:4711", "ipv6:[::2]:4711", "ipv6:[::1", "",
        "unix:", "127.0.0.1:4711", "ipv4:127.0.0.1.evil:1"}) {
    EXPECT_EQ(CallerFromPeer({.address = address}).kind, CallerKind::kNone)
        << address;
  }
}

TEST(UnixCallersTest, TheLatestConnectionOfADescriptorCounts) {
  UnixCallers callers;
  EXPECT_EQ(callers.Find(7).kind, CallerKind::kNone);
  callers.Remember(7, CallerFromUid(0, 0, {}));
  EXPECT_EQ(callers.Find(7).principal, "root@unix");
  callers.Remember(7, CallerFromUid(54321, 0, {54321}));
  EXPECT_EQ(callers.Find(7).principal, "uid54321@unix");
}

}  // namespace
}  // namespace cairn
