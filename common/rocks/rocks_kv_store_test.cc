#include "common/rocks/rocks_kv_store.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "common/kv/kv_store_contract.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/temp_dir.h"

namespace cairn {
namespace {

RocksKvStore::Options SmallOptions(const std::string& path) {
  return {.path = path,
          .tables = {{"a", true}, {"b"}, {"c"}},
          .reserve_bytes = 1 << 20,
          .ballast_bytes = 1 << 20};
}

// A store with the directory it lives in.
class OwningStore final : public KvStore {
 public:
  OwningStore() {
    auto store =
        RocksKvStore::Open(SmallOptions(directory_.path() + "/db"), &fatal_);
    EXPECT_THAT(store, IsOk());
    store_ = *std::move(store);
  }
  absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const override {
    return store_->Get(table, key);
  }
  absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      KvTable table, std::span<const std::string> keys) const override {
    return store_->MultiGet(table, keys);
  }
  std::unique_ptr<KvView> NewView() const override { return store_->NewView(); }
  absl::Status Commit(const KvBatch& batch, Durability durability) override {
    return store_->Commit(batch, durability);
  }

 private:
  TempDir directory_;
  RecordingFatalErrorSink fatal_;
  std::unique_ptr<RocksKvStore> store_;
};

INSTANTIATE_TEST_SUITE_P(RocksKvStore, KvStoreContract,
                         ::testing::Values(KvStoreFactory{
                             "rocks",
                             [] { return std::make_unique<OwningStore>(); }}));

class RocksKvStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<RocksKvStore> Open(const RocksKvStore::Options& options) {
    auto store = RocksKvStore::Open(options, &fatal_);
    EXPECT_THAT(store, IsOk());
    return store.ok() ? *std::move(store) : nullptr;
  }
  static KvBatch PutOne(const std::string& key) {
    KvBatch batch;
    batch.Put(0, key, "v");
    return batch;
  }

  TempDir directory_;
  RecordingFatalErrorSink fatal_;
  const RocksKvStore::Options options_ =
      SmallOptions(directory_.path() + "/db");
};

TEST_F(RocksKvStoreTest, KeepsItsContentsWhenReopened) {
  {
    const auto store = Open(options_);
    ASSERT_THAT(store->Commit(PutOne("k"), Durability::kSynced), IsOk());
  }
  EXPECT_THAT(Open(options_)->Get(0, "k"), IsOkAndHolds(std::optional("v")));
}

TEST_F(RocksKvStoreTest, ATableAddedLaterStartsEmpty) {
  { Open(options_); }
  RocksKvStore::Options more = options_;
  more.tables.push_back({"d"});
  EXPECT_THAT(Open(more)->Get(3, "k"), IsOkAndHolds(std::nullopt));
}

TEST_F(RocksKvStoreTest, TheGateRefusesAllButWhatPassesIt) {
  RocksKvStore::Options full = options_;
  full.reserve_bytes = uint64_t{1} << 60;  // no disk has that much free
  full.ballast_bytes = 0;
  const auto store = Open(full);
  const absl::Status refused = store->Commit(PutOne("k"), Durability::kSynced);
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(refused, HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(store->Get(0, "k"), IsOkAndHolds(std::nullopt));
  KvBatch passes = PutOne("k");
  passes.set_passes_gate(true);
  EXPECT_THAT(store->Commit(passes, Durability::kSynced), IsOk());
  EXPECT_TRUE(store->read_mostly());
}

TEST_F(RocksKvStoreTest, ABallastIsKeptAndGivenUpOnAFullDisk) {
  { Open(options_); }
  const std::string ballast = options_.path + "/BALLAST";
  EXPECT_EQ(std::filesystem::file_size(ballast), options_.ballast_bytes);
  RocksKvStore::Options full = options_;
  full.reserve_bytes = uint64_t{1} << 60;
  { Open(full); }
  EXPECT_FALSE(std::filesystem::exists(ballast));
}

TEST_F(RocksKvStoreTest, ADamagedDatabaseIsRefusedNotRepaired) {
  {
    const auto store = Open(options_);
    ASSERT_THAT(store->Commit(PutOne("k"), Durability::kSynced), IsOk());
  }
  std::ofstream(options_.path + "/CURRENT") << "nonsense";
  EXPECT_FALSE(RocksKvStore::Open(options_, &fatal_).ok());
}

}  // namespace
}  // namespace cairn
