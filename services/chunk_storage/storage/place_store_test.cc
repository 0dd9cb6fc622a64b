#include "services/chunk_storage/storage/place_store.h"

#include <random>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/digest/sha256.h"
#include "common/kv/memory_kv_store.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/storage/place_codec.h"

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

  // The first row of a table: key and value, in hex.
  std::string RowOf(KvTable table) {
    const auto view = kv_.NewView();
    const auto cursor = view->Scan(table, "", "");
    return absl::StrCat(absl::BytesToHexString(cursor->key()), " ",
                        absl::BytesToHexString(cursor->value()));
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

// Computed by a separate program from record.proto alone. A change here is a
// change of the format.
TEST_F(PlaceStoreTest, RowsHaveTheBytesThatTheyAlwaysHad) {
  SealBatch batch = {.datastore = row_,
                     .pack = {.number = 6,
                              .uuid = Uuid{{9}},
                              .pack_class = PackClass::kMetadata,
                              .file_bytes = 1,
                              .record_count = 2,
                              .payload_bytes = 3,
                              .highest_sequence = 4,
                              .damaged_bytes = 5,
                              .highest_epoch = 6,
                              .duplicate_records = 7,
                              .damaged_records = 8,
                              .unnamed_bytes = 9},
                     .damaged = {{Key(1), "bad"}},
                     .time = absl::FromUnixSeconds(5)};
  batch.datastore.highest_epoch = 12;
  batch.datastore.loss_mark = 13;
  ASSERT_OK(store_.CommitSealed(batch));
  const std::string zeros(30, '0');
  EXPECT_EQ(RowOf(0),
            "01" + zeros + " 0801121001" + zeros + "18022003280b3004380c400d");
  EXPECT_EQ(RowOf(2), "0000000400000006 0801100118022003280230043805421009" +
                          zeros + "4806500758086009");
  EXPECT_EQ(RowOf(3), absl::BytesToHexString(EncodePlaceKey(4, Key(1))) +
                          " 08011080e497d0121a03626164");
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
