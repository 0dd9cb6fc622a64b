#include "services/chunk_storage/storage/place_store.h"

#include <random>
#include <vector>

#include "common/digest/sha256.h"
#include "common/kv/memory_kv_store.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::chunk_storage {
namespace {

class PlaceStoreTest : public ::testing::Test {
 protected:
  static RecordKey Key(int i) {
    return {RecordKind::kChunk, Domain(), Sha256(std::to_string(i))};
  }
  SealBatch BatchOf(uint32_t pack, int first, int count) {
    SealBatch batch = {
        .datastore = row_,
        .pack = {.number = pack, .uuid = Uuid{{9}}, .file_bytes = 77}};
    for (int i = 0; i < count; ++i) {
      batch.places.push_back(
          {Key(first + i), {.pack = pack, .offset = 4096u + 64u * i}});
    }
    return batch;
  }

  MemoryKvStore kv_{PlaceStore::TableNames().size()};
  PlaceStore store_{&kv_};
  const StoredDatastore row_ = {
      .number = 4, .ref = {Uuid{{1}}, 2}, .token = 3, .sequence = 11};
};

TEST_F(PlaceStoreTest, RemembersDatastores) {
  ASSERT_OK(store_.SaveDatastore(row_));
  ASSERT_OK_AND_ASSIGN(const auto rows, store_.ListDatastores());
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].number, 4u);
  EXPECT_EQ(rows[0].ref, row_.ref);
  EXPECT_EQ(rows[0].token, 3u);
  EXPECT_EQ(rows[0].sequence, 11u);
}

TEST_F(PlaceStoreTest, APackAndItsPlacesAppearTogether) {
  ASSERT_OK(store_.CommitSealed(BatchOf(6, 0, 3)));
  EXPECT_EQ(kv_.commit_count(), 1u);
  ASSERT_OK_AND_ASSIGN(const auto packs, store_.ListPacks(4));
  ASSERT_EQ(packs.size(), 1u);
  EXPECT_EQ(packs[0].number, 6u);
  EXPECT_EQ(packs[0].uuid, Uuid{{9}});
  EXPECT_EQ(packs[0].file_bytes, 77u);
  const std::vector<RecordKey> keys = {Key(2), Key(9), Key(0)};
  ASSERT_OK_AND_ASSIGN(const auto places, store_.Find(4, keys));
  EXPECT_EQ(places[0]->offset, 4096u + 128u);
  EXPECT_FALSE(places[1].has_value());
  EXPECT_EQ(places[2]->offset, 4096u);
  ASSERT_OK_AND_ASSIGN(const auto other, store_.Find(5, keys));
  EXPECT_FALSE(other[0].has_value());
}

TEST_F(PlaceStoreTest, FindsMoreKeysThanOneReadTakes) {
  ASSERT_OK(store_.CommitSealed(BatchOf(6, 0, 5000)));
  std::vector<RecordKey> keys;
  for (int i = 0; i < 5000; ++i) keys.push_back(Key(i));
  ASSERT_OK_AND_ASSIGN(const auto places, store_.Find(4, keys));
  ASSERT_EQ(places.size(), 5000u);
  EXPECT_EQ(places[4999]->offset, 4096u + 64u * 4999u);
}

TEST_F(PlaceStoreTest, DamageIsSyncedAndHealedByABatch) {
  ASSERT_OK(store_.CommitSealed(BatchOf(6, 0, 2)));
  const std::vector<RecordKey> keys = {Key(0), Key(1)};
  const Place bad = {.pack = 6, .offset = 4096, .bad = true};
  ASSERT_OK(store_.SaveDamage(4, {Key(0), bad}, /*place_is_stored=*/true,
                              "flipped", absl::UnixEpoch()));
  EXPECT_EQ(kv_.synced_commit_count(), 1u);
  ASSERT_OK_AND_ASSIGN(const auto places, store_.Find(4, keys));
  EXPECT_TRUE(places[0]->bad);
  EXPECT_FALSE(places[1]->bad);
  EXPECT_THAT(store_.FindDamaged(4, keys),
              IsOkAndHolds(std::vector<bool>{true, false}));
  EXPECT_THAT(store_.CountDamaged(4), IsOkAndHolds(1u));
  SealBatch batch = BatchOf(7, 0, 1);
  batch.healed = {Key(0)};
  ASSERT_OK(store_.CommitSealed(batch));
  EXPECT_THAT(store_.CountDamaged(4), IsOkAndHolds(0u));
}

TEST_F(PlaceStoreTest, ARowThatDoesNotDecodeIsDataLoss) {
  KvBatch batch;
  batch.Put(0, "x", "not a row");
  batch.Put(2, std::string("\0\0\0\4\0\0\0\1", 8), "not a row");
  ASSERT_OK(kv_.Commit(batch, Durability::kBuffered));
  EXPECT_THAT(store_.ListDatastores(), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(store_.ListPacks(4), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace cairn::chunk_storage
