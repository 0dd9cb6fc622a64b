#include "common/token/token_table.h"

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

constexpr auto kUnauthenticated = absl::StatusCode::kUnauthenticated;
const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

TokenEntry Entry(uint8_t n, absl::Time expire_time) {
  TokenEntry entry;
  entry.id.bytes[0] = n;
  entry.secret_hash = HashTokenSecret(std::string(kTokenSecretBytes, n));
  entry.name = "web1";
  entry.role = CallerRole::kBackup;
  entry.scope = "datastores/main";
  entry.expire_time = expire_time;
  return entry;
}

TokenProof Proof(uint8_t n) {
  const TokenEntry entry = Entry(n, kNow);
  return {.id = entry.id, .secret_hash = entry.secret_hash};
}

TEST(TokenTableTest, FindsWhoStandsBehindAToken) {
  const TokenTable table(
      {Entry(1, absl::InfiniteFuture()), Entry(2, kNow + absl::Seconds(1))});
  EXPECT_EQ(table.size(), 2u);
  for (const uint8_t n : {1, 2}) {
    ASSERT_OK_AND_ASSIGN(const Caller caller, table.Find(Proof(n), kNow));
    EXPECT_EQ(caller.kind, CallerKind::kToken);
    EXPECT_EQ(caller.role, CallerRole::kBackup);
    EXPECT_EQ(caller.principal, "web1@token");
    EXPECT_EQ(caller.scope, "datastores/main");
  }
}

TEST(TokenTableTest, EveryBadTokenGetsTheSameAnswer) {
  const TokenTable table({Entry(1, absl::InfiniteFuture()), Entry(2, kNow)});
  TokenProof wrong_secret = Proof(1);
  wrong_secret.secret_hash.bytes[31] ^= 1;
  TokenProof other_secret = Proof(1);
  other_secret.secret_hash = Proof(2).secret_hash;
  for (const TokenProof& proof :
       {wrong_secret, other_secret, Proof(2), Proof(3)}) {
    EXPECT_EQ(table.Find(proof, kNow).status(), UnknownTokenError());
  }
  EXPECT_THAT(TokenTable().Find(Proof(1), kNow), StatusIs(kUnauthenticated));
}

TEST(TokenTableTest, ExpiresToTheInstant) {
  const TokenTable table({Entry(1, kNow)});
  EXPECT_THAT(table.Find(Proof(1), kNow - absl::Nanoseconds(1)), IsOk());
  EXPECT_THAT(table.Find(Proof(1), kNow), StatusIs(kUnauthenticated));
}

}  // namespace
}  // namespace cairn
