#include "services/maintenance/storage/token_store.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "cairn/record/v1/token_row.pb.h"
#include "common/kv/memory_kv_store.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A table of somebody else comes first.
constexpr KvTable kTable = 1;

Token MakeToken(uint8_t n) {
  Token token;
  token.id.bytes[0] = n;
  token.secret_hash.bytes.fill(0xAB);
  token.request_id = "request 1";
  token.name = "web1";
  token.role = CallerRole::kBackup;
  token.scope = "datastores/main/namespaces/web";
  token.created_by = "root@unix";
  token.create_time = absl::FromUnixNanos(1234567890123456789);
  token.expire_time = absl::FromUnixNanos(1234567899123456789);
  token.revoke_time = absl::FromUnixNanos(1234567895123456789);
  return token;
}

class TokenStoreTest : public ::testing::Test {
 protected:
  void Put(const Token& token) {
    TokenBatch batch = store_.NewBatch();
    batch.Put(token);
    ASSERT_OK(store_.Commit(batch));
  }
  std::string Raw(const Token& token) {
    return kv_.Get(kTable, token.id.view()).value().value();
  }
  void PutRaw(const std::string& key, const std::string& value) {
    KvBatch batch;
    batch.Put(kTable, key, value);
    ASSERT_OK(kv_.Commit(batch, Durability::kSynced));
  }

  MemoryKvStore kv_{2};
  TokenStore store_{&kv_, kTable};
};

TEST_F(TokenStoreTest, KeepsTokensAndSyncsThem) {
  Token bare = MakeToken(2);
  bare.scope = "";
  bare.expire_time = absl::InfiniteFuture();
  bare.revoke_time.reset();
  TokenBatch batch = store_.NewBatch();
  batch.Put(MakeToken(3));
  batch.Put(bare);
  batch.Put(MakeToken(1));
  batch.Remove(MakeToken(3).id);
  ASSERT_OK(store_.Commit(batch));
  EXPECT_EQ(kv_.synced_commit_count(), 1u);
  EXPECT_THAT(store_.Load(), IsOkAndHolds(ElementsAre(MakeToken(1), bare)));
}

// Computed by a separate program from token_row.proto alone. A change here is
// a change of the format.
TEST_F(TokenStoreTest, RowsHaveTheBytesThatTheyAlwaysHad) {
  Put(MakeToken(1));
  EXPECT_EQ(kv_.NewView()->Scan(kTable, "", "")->key(),
            std::string(1, '\1') + std::string(15, '\0'));
  EXPECT_EQ(absl::BytesToHexString(Raw(MakeToken(1))),
            "080112097265717565737420311a047765623120022a1e6461746173746f726573"
            "2f6d61696e2f6e616d657370616365732f7765623220ababababababababababab"
            "ababababababababababababababababababababab3a09726f6f7440756e697840"
            "9582a6efc79e8491114895b6eab2e99e8491115095e6bdbfda9e849111");
}

TEST_F(TokenStoreTest, DamagedRowsAreDataLossAndNeverACrash) {
  Put(MakeToken(1));
  const std::string good = Raw(MakeToken(1));
  const std::string key(MakeToken(1).id.view());
  record::v1::TokenRow row;
  ASSERT_TRUE(row.ParseFromString(good));
  std::vector<std::string> bad = {"", "x", std::string(100, '\xff')};
  const auto changed = [&](auto change) {
    record::v1::TokenRow copy = row;
    change(copy);
    bad.push_back(copy.SerializeAsString());
  };
  changed([](auto& r) { r.set_format_version(2); });
  changed([](auto& r) { r.set_request_id(""); });
  changed([](auto& r) { r.set_name("-"); });
  changed([](auto& r) { r.set_role(0); });
  changed([](auto& r) { r.set_role(5); });
  changed([](auto& r) { r.set_role(0x102); });
  changed([](auto& r) { r.set_scope("datastores/"); });
  changed([](auto& r) { r.set_secret_hash("short"); });
  changed([](auto& r) { r.set_created_by("a\nb"); });
  for (const std::string& value : bad) {
    PutRaw(key, value);
    EXPECT_THAT(store_.Load(), StatusIs(absl::StatusCode::kDataLoss,
                                        HasSubstr("table tokens")))
        << absl::CHexEscape(value);
  }
  PutRaw(key, good);
  EXPECT_OK(store_.Load());
  PutRaw("short key", good);
  EXPECT_THAT(store_.Load(), StatusIs(absl::StatusCode::kDataLoss));

  std::mt19937_64 random(TestSeed());
  for (int i = 0; i < 2000; ++i) {
    std::string value = good;
    value[random() % value.size()] = static_cast<char>(random());
    PutRaw(key, value);
    (void)store_.Load();
  }
}

}  // namespace
}  // namespace cairn::maintenance
