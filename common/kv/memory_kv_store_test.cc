#include "common/kv/memory_kv_store.h"

#include <random>

#include "common/kv/kv_store_contract.h"

namespace cairn {
namespace {

INSTANTIATE_TEST_SUITE_P(MemoryKvStore, KvStoreContract,
                         ::testing::Values(KvStoreFactory{
                             "memory", [] {
                               return std::make_unique<MemoryKvStore>(3);
                             }}));

KvBatch PutOne(const std::string& key) {
  KvBatch batch;
  batch.Put(0, key, "v");
  return batch;
}

TEST(MemoryKvStoreTest, APowerCutKeepsAllThatWasSyncedAndAPrefixOfTheRest) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 50; ++round) {
    MemoryKvStore store(1);
    ASSERT_THAT(store.Commit(PutOne("a"), Durability::kBuffered), IsOk());
    ASSERT_THAT(store.Commit(PutOne("b"), Durability::kSynced), IsOk());
    ASSERT_THAT(store.Commit(PutOne("c"), Durability::kBuffered), IsOk());
    ASSERT_THAT(store.Commit(PutOne("d"), Durability::kBuffered), IsOk());
    store.PowerCut(random);
    EXPECT_THAT(store.Commit(PutOne("e"), Durability::kSynced),
                StatusIs(absl::StatusCode::kUnavailable));
    store.Recover();
    EXPECT_THAT(store.Get(0, "a"), IsOkAndHolds(std::optional("v")));
    EXPECT_THAT(store.Get(0, "b"), IsOkAndHolds(std::optional("v")));
    const bool c = store.Get(0, "c")->has_value();
    const bool d = store.Get(0, "d")->has_value();
    EXPECT_TRUE(c || !d);
  }
}

TEST(MemoryKvStoreTest, AFailedCommitHasNoEffect) {
  MemoryKvStore store(1);
  store.FailCommitsFrom(2, absl::InternalError("disk"));
  ASSERT_THAT(store.Commit(PutOne("a"), Durability::kSynced), IsOk());
  EXPECT_THAT(store.Commit(PutOne("b"), Durability::kSynced),
              StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(store.Get(0, "b"), IsOkAndHolds(std::nullopt));
  store.Recover();
  EXPECT_THAT(store.Commit(PutOne("b"), Durability::kSynced), IsOk());
}

}  // namespace
}  // namespace cairn
