#include "services/maintenance/storage/lease_store.h"

#include <string>
#include <vector>

#include "cairn/record/v1/record.pb.h"
#include "common/digest/sha256.h"
#include "common/kv/memory_kv_store.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

using ::testing::HasSubstr;

Lease MakeLease(uint8_t n) {
  Lease lease;
  lease.id.bytes[0] = n;
  lease.datastore = "main";
  lease.claims = {{"datastores/main/groups/host/web1", LeaseMode::kExclusive},
                  {"datastores/main/sweep", LeaseMode::kShared}};
  lease.holder = "ingest-1";
  lease.purpose = LeasePurpose::kSync;
  lease.start_epoch = 5;
  lease.start_time = absl::FromUnixNanos(1234567890123456789);
  lease.ttl = absl::Seconds(61) + absl::Nanoseconds(1);
  return lease;
}

EpochNumbers Numbers() {
  EpochNumbers numbers;
  numbers.datastore.uuid.bytes[15] = 9;
  numbers.datastore.generation = 2;
  numbers.epoch = 5;
  numbers.token = 7;
  numbers.cut = 4;
  numbers.expired_epoch = 3;
  return numbers;
}

class LeaseStoreTest : public ::testing::Test {
 protected:
  LeaseStoreTest() : kv_(LeaseStore::TableNames().size()), store_(&kv_) {}

  void PutRaw(KvTable table, std::string key, std::string value) {
    KvBatch batch;
    batch.Put(table, std::move(key), std::move(value));
    ASSERT_OK(kv_.Commit(batch, Durability::kSynced));
  }
  std::string Raw(KvTable table) {
    const auto view = kv_.NewView();
    return std::string(view->Scan(table, "", "")->value());
  }

  MemoryKvStore kv_;
  LeaseStore store_;
};

TEST_F(LeaseStoreTest, KeepsLeasesAndNumbers) {
  LeaseBatch batch;
  batch.PutLease(MakeLease(1), LeasePhase::kLive);
  batch.PutLease(MakeLease(2), LeasePhase::kPending);
  batch.PutLease(MakeLease(3), LeasePhase::kExpired);
  batch.PutLease(MakeLease(4), LeasePhase::kLive);
  batch.RemoveLease("main", MakeLease(4).id);
  batch.PutNumbers("main", Numbers());
  ASSERT_OK(store_.Commit(batch));
  EXPECT_EQ(kv_.synced_commit_count(), 1u);

  ASSERT_OK_AND_ASSIGN(const auto stored, store_.Load());
  ASSERT_EQ(stored.size(), 1u);
  const StoredDatastore& main = stored.at("main");
  EXPECT_EQ(main.numbers, Numbers());
  ASSERT_EQ(main.leases.size(), 3u);
  const LeasePhase phases[] = {LeasePhase::kLive, LeasePhase::kPending,
                               LeasePhase::kExpired};
  for (uint8_t n = 0; n < 3; ++n) {
    const Lease wanted = MakeLease(n + 1);
    const Lease& lease = main.leases[n].lease;
    EXPECT_EQ(main.leases[n].phase, phases[n]);
    EXPECT_EQ(lease.id, wanted.id);
    EXPECT_EQ(lease.datastore, wanted.datastore);
    EXPECT_EQ(lease.claims, wanted.claims);
    EXPECT_EQ(lease.holder, wanted.holder);
    EXPECT_EQ(lease.purpose, wanted.purpose);
    EXPECT_EQ(lease.start_epoch, wanted.start_epoch);
    EXPECT_EQ(lease.start_time, wanted.start_time);
    EXPECT_EQ(lease.ttl, wanted.ttl);
  }
}

// Computed by a separate program from record.proto alone. A change here is a
// change of the format.
TEST_F(LeaseStoreTest, RowsHaveTheBytesThatTheyAlwaysHad) {
  LeaseBatch batch;
  batch.PutLease(MakeLease(1), LeasePhase::kPending);
  batch.PutNumbers("main", Numbers());
  ASSERT_OK(store_.Commit(batch));
  EXPECT_EQ(kv_.NewView()->Scan(0, "", "")->key(),
            std::string("main\0\1", 6) + std::string(15, '\0'));
  EXPECT_EQ(kv_.NewView()->Scan(1, "", "")->key(), "main");
  EXPECT_EQ(Sha256(Raw(0)).ToHex(),
            "dc6edfe05f761788f189c76f4ca0b3184cd1731c2e72f09d8d5d86dab53a094e");
  EXPECT_EQ(Sha256(Raw(1)).ToHex(),
            "a17109cefcd0ba6f8b82c8a4731a80e8d7bb7108426f95a82ad21aea5e2ea584");
}

TEST_F(LeaseStoreTest, DatastoresDoNotMix) {
  Lease other = MakeLease(1);
  other.datastore = "mai";
  other.claims = {{"datastores/mai", LeaseMode::kShared}};
  LeaseBatch batch;
  batch.PutLease(MakeLease(1), LeasePhase::kLive);
  batch.PutLease(other, LeasePhase::kLive);
  ASSERT_OK(store_.Commit(batch));
  LeaseBatch removal;
  removal.RemoveLease("mai", other.id);
  ASSERT_OK(store_.Commit(removal));
  ASSERT_OK_AND_ASSIGN(const auto stored, store_.Load());
  EXPECT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored.at("main").leases.size(), 1u);
}

TEST_F(LeaseStoreTest, DamagedLeasesAreDataLossAndNeverACrash) {
  LeaseBatch batch;
  batch.PutLease(MakeLease(1), LeasePhase::kLive);
  ASSERT_OK(store_.Commit(batch));
  const std::string good = Raw(0);
  const std::string key =
      std::string("main") + '\0' + std::string(MakeLease(1).id.view());
  record::v1::LeaseRow row;
  ASSERT_TRUE(row.ParseFromString(good));

  std::vector<std::string> bad = {"", "x", std::string(100, '\xff')};
  for (size_t length = 1; length < good.size(); ++length) {
    bad.push_back(good.substr(0, length));
  }
  for (const std::string& value : bad) {
    PutRaw(0, key, value);
    const auto stored = store_.Load();
    // A prefix may parse; then its content must not be that of a lease, or be
    // harmless: what follows the ttl are flags.
    if (!stored.ok()) {
      EXPECT_THAT(stored, StatusIs(absl::StatusCode::kDataLoss));
    }
  }
  row.set_format_version(2);
  PutRaw(0, key, row.SerializeAsString());
  EXPECT_THAT(store_.Load(), StatusIs(absl::StatusCode::kDataLoss,
                                      HasSubstr("format version is 2")));
  row.set_format_version(1);
  row.set_purpose(257);  // 1 in one byte
  PutRaw(0, key, row.SerializeAsString());
  EXPECT_THAT(store_.Load(), StatusIs(absl::StatusCode::kDataLoss));
  row.set_purpose(1);
  row.set_datastore("other");
  PutRaw(0, key, row.SerializeAsString());
  EXPECT_THAT(store_.Load(), StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(LeaseStoreTest, DamagedKeysAndNumbersAreDataLoss) {
  for (const std::string& key :
       {std::string(), std::string("main"), std::string("main\0", 5),
        std::string("main\0short", 10)}) {
    MemoryKvStore kv(2);
    KvBatch batch;
    record::v1::LeaseRow row;
    row.set_format_version(1);
    row.set_datastore("main");
    batch.Put(0, key, row.SerializeAsString());
    ASSERT_OK(kv.Commit(batch, Durability::kSynced));
    EXPECT_THAT(LeaseStore(&kv).Load(), StatusIs(absl::StatusCode::kDataLoss));
  }
  LeaseBatch batch;
  batch.PutNumbers("main", Numbers());
  ASSERT_OK(store_.Commit(batch));
  record::v1::EpochRow row;
  ASSERT_TRUE(row.ParseFromString(Raw(1)));
  row.set_cut(6);
  PutRaw(1, "main", row.SerializeAsString());
  EXPECT_THAT(store_.Load(),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("cut 6")));
  row.set_cut(4);
  row.set_datastore_uuid("short");
  PutRaw(1, "main", row.SerializeAsString());
  EXPECT_THAT(store_.Load(), StatusIs(absl::StatusCode::kDataLoss));
  PutRaw(1, "main", "\xff");
  EXPECT_THAT(store_.Load(), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace cairn::maintenance
