#include "common/rocks/rocks_kv_store.h"

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "common/io/posix_file_system.h"
#include "common/kv/kv_store_contract.h"
#include "common/status/reason.h"
#include "common/testing/faulty_file_system.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"

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
  PosixFileSystem machine_;
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
  FaultyFileSystem files(&machine_);
  RocksKvStore::Options options = options_;
  options.files = &files;
  const auto store = Open(options);
  ASSERT_OK(store->Commit(PutOne("a"), Durability::kSynced));
  files.SetFreeBytes(options.reserve_bytes - 1);
  // The gate counts for a while before it asks again.
  absl::Status refused;
  for (int i = 0; i < 1000 && refused.ok(); ++i) {
    refused = store->Commit(PutOne("b"), Durability::kBuffered);
  }
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(refused, HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(store->Commit(PutOne("c"), Durability::kSynced),
              HasReasonCode(reason::kStorageFull));
  EXPECT_THAT(store->Get(0, "c"), IsOkAndHolds(std::nullopt));
  KvBatch passes = PutOne("d");
  passes.set_passes_gate(true);
  EXPECT_OK(store->Commit(passes, Durability::kSynced));
  EXPECT_FALSE(store->read_mostly());
  files.SetFreeBytes(uint64_t{1} << 40);
  EXPECT_OK(store->Commit(PutOne("c"), Durability::kSynced));
  EXPECT_TRUE(fatal_.errors().empty());
}

TEST_F(RocksKvStoreTest, AFullDiskAtOpenTakesTheBallastAndServesWhatMustBe) {
  FaultyFileSystem files(&machine_);
  RocksKvStore::Options options = options_;
  options.files = &files;
  {
    const auto store = Open(options);
    ASSERT_OK(store->Commit(PutOne("a"), Durability::kSynced));
  }
  const std::string ballast = options_.path + "/BALLAST";
  EXPECT_EQ(std::filesystem::file_size(ballast), options_.ballast_bytes);
  files.SetFreeBytes(0);
  {
    const auto store = Open(options);
    EXPECT_FALSE(std::filesystem::exists(ballast));
    EXPECT_TRUE(store->read_mostly());
    EXPECT_THAT(store->Get(0, "a"), IsOkAndHolds(std::optional("v")));
    // Even when space comes back, until the next Open.
    files.SetFreeBytes(uint64_t{1} << 40);
    EXPECT_THAT(store->Commit(PutOne("b"), Durability::kSynced),
                HasReasonCode(reason::kStorageFull));
    KvBatch passes = PutOne("c");
    passes.set_passes_gate(true);
    EXPECT_OK(store->Commit(passes, Durability::kSynced));
  }
  const auto store = Open(options);
  EXPECT_FALSE(store->read_mostly());
  EXPECT_EQ(std::filesystem::file_size(ballast), options_.ballast_bytes);
  EXPECT_THAT(store->Get(0, "c"), IsOkAndHolds(std::optional("v")));
  EXPECT_OK(store->Commit(PutOne("b"), Durability::kSynced));
}

TEST_F(RocksKvStoreTest, RefusesABatchAboveItsLimit) {
  const auto store = Open(options_);
  KvBatch batch;
  for (int i = 0; i < 65; ++i) {
    batch.Put(0, std::to_string(i), std::string(1 << 20, 'x'));
  }
  EXPECT_THAT(store->Commit(batch, Durability::kBuffered),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(store->Get(0, "0"), IsOkAndHolds(std::nullopt));
}

TEST_F(RocksKvStoreTest, ReportsStatistics) {
  const auto store = Open(options_);
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(store->Commit(PutOne(std::to_string(i)), Durability::kBuffered));
  }
  const RocksStatistics statistics = store->Statistics();
  EXPECT_EQ(statistics.estimated_keys, 100u);
  EXPECT_GT(statistics.wal_bytes, 1000u);
  EXPECT_GT(statistics.memtable_bytes, 1000u);
  EXPECT_EQ(statistics.background_errors, 0u);
  EXPECT_FALSE(statistics.writes_stopped);
  EXPECT_EQ(statistics.stalls_delayed + statistics.stalls_stopped, 0u);
  EXPECT_EQ(statistics.ballast_bytes, options_.ballast_bytes);
}

class SyncCounter final : public SyncObserver {
 public:
  void Synced(SyncedFile file, absl::Duration elapsed, bool ok) override {
    EXPECT_GE(elapsed, absl::ZeroDuration());
    EXPECT_TRUE(ok);
    ++counts[static_cast<size_t>(file)];
  }
  uint64_t Of(SyncedFile file) const {
    return counts[static_cast<size_t>(file)];
  }
  std::array<std::atomic<uint64_t>, std::size(kSyncedFiles)> counts = {};
};

TEST_F(RocksKvStoreTest, TellsOfEverySyncOfItsFiles) {
  const SystemClock clock;
  const auto counter = std::make_shared<SyncCounter>();
  RocksKvStore::Options options = options_;
  options.clock = &clock;
  options.syncs = counter;
  const auto store = Open(options);
  EXPECT_GT(counter->Of(SyncedFile::kDatabase), 0u);
  EXPECT_GT(counter->Of(SyncedFile::kDirectory), 0u);
  const uint64_t before = counter->Of(SyncedFile::kWal);
  ASSERT_OK(store->Commit(PutOne("a"), Durability::kBuffered));
  EXPECT_EQ(counter->Of(SyncedFile::kWal), before);
  ASSERT_OK(store->Commit(PutOne("b"), Durability::kSynced));
  EXPECT_EQ(counter->Of(SyncedFile::kWal), before + 1);
}

TEST_F(RocksKvStoreTest, ADamagedDatabaseIsRefusedNotRepaired) {
  {
    const auto store = Open(options_);
    ASSERT_THAT(store->Commit(PutOne("k"), Durability::kSynced), IsOk());
  }
  std::ofstream(options_.path + "/CURRENT") << "nonsense";
  EXPECT_THAT(RocksKvStore::Open(options_, &fatal_),
              StatusIs(absl::StatusCode::kDataLoss,
                       ::testing::HasSubstr("restore or rebuild")));
}

TEST_F(RocksKvStoreTest, AFlippedBitInTheLogDropsNoSyncedBatchSilently) {
  {
    const auto store = Open(options_);
    for (int i = 0; i < 10; ++i) {
      ASSERT_OK(store->Commit(PutOne(std::to_string(i)), Durability::kSynced));
    }
  }
  std::filesystem::path log;
  for (const auto& file : std::filesystem::directory_iterator(options_.path)) {
    if (file.path().extension() == ".log" && file.file_size() > 0) {
      log = file.path();
    }
  }
  ASSERT_FALSE(log.empty());
  const auto middle =
      static_cast<std::streamoff>(std::filesystem::file_size(log) / 2);
  std::fstream file(log, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(middle);
  const int byte = file.get();
  file.seekp(middle);
  file.put(static_cast<char>(byte ^ 1));
  file.close();
  EXPECT_THAT(RocksKvStore::Open(options_, &fatal_),
              StatusIs(absl::StatusCode::kDataLoss,
                       ::testing::HasSubstr("restore or rebuild")));
}

}  // namespace
}  // namespace cairn
