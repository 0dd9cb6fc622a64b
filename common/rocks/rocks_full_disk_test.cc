#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/status/reason.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/run_in_child.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gtest/gtest.h"

// A RocksKvStore on a small file system of its own that is really full.
namespace cairn {
namespace {

class RocksFullDiskTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const std::string path = dir_.Join("disk");
    std::filesystem::create_directory(path);
    // A mount that no other process sees; where that takes a user namespace
    // of its own, it gets one.
    const bool unshared = ::unshare(CLONE_NEWNS) == 0 ||
                          ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
    if (!unshared ||
        ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mount("none", path.c_str(), "tmpfs", 0, "size=32m") != 0) {
      GTEST_SKIP() << "this system does not let a test mount a file system";
    }
    mounted_ = true;
    options_ = {.path = path + "/db",
                .tables = {{"a"}},
                .write_buffer_bytes = 1 << 20,
                .reserve_bytes = 8 << 20,
                .ballast_bytes = 4 << 20};
  }
  void TearDown() override {
    if (mounted_) ::umount2(dir_.Join("disk").c_str(), MNT_DETACH);
  }

  std::string Filler() const { return dir_.Join("disk/filler"); }
  // Leaves about `left` bytes free.
  void FillDisk(uint64_t left) {
    const uint64_t available =
        std::filesystem::space(dir_.Join("disk")).available;
    std::ofstream(Filler(), std::ios::app)
        << std::string(available > left ? available - left : 0, 'x');
  }
  static KvBatch LargeBatch(int n) {
    KvBatch batch;
    std::string noise;
    for (int i = 0; i < 2000; ++i) absl::StrAppend(&noise, n * 7919 + i * i);
    batch.Put(0, absl::StrCat("large", n), noise);
    return batch;
  }
  static KvBatch PutOne(const std::string& key) {
    KvBatch batch;
    batch.Put(0, key, "v");
    return batch;
  }

  TempDir dir_;
  bool mounted_ = false;
  RecordingFatalErrorSink fatal_;
  RocksKvStore::Options options_;
};

TEST_F(RocksFullDiskTest, TheGateKeepsRocksDbAwayFromIt) {
  EXPECT_TRUE(RunInChild([&] {
    ASSERT_OK_AND_ASSIGN(const auto store,
                         RocksKvStore::Open(options_, &fatal_));
    KvBatch removal;
    absl::Status last;
    int committed = 0;
    for (; committed < 10000 && last.ok(); ++committed) {
      const KvBatch batch = LargeBatch(committed);
      last = store->Commit(batch, Durability::kBuffered);
      removal.Remove(0, batch.changes()[0].key);
    }
    EXPECT_THAT(last, HasReasonCode(reason::kStorageFull));
    EXPECT_GT(committed, 100);
    EXPECT_TRUE(fatal_.errors().empty());
    EXPECT_OK(store->Get(0, "large0"));
    removal.set_passes_gate(true);
    EXPECT_OK(store->Commit(removal, Durability::kSynced));
  }));
}

// The lack of space is seen with and without a reserve to compare with.
class RocksRecoveryTest : public RocksFullDiskTest,
                          public ::testing::WithParamInterface<bool> {};

TEST_P(RocksRecoveryTest, UsesTheBallast) {
  RocksKvStore::Options ungated = options_;
  ungated.reserve_bytes = 0;
  EXPECT_TRUE(RunInChild([&] {
    ASSERT_OK_AND_ASSIGN(const auto store,
                         RocksKvStore::Open(ungated, &fatal_));
    ASSERT_OK(store->Commit(PutOne("a"), Durability::kSynced));
    FillDisk(1 << 20);
    absl::Status last;
    for (int n = 0; n < 10000 && last.ok(); ++n) {
      last = store->Commit(LargeBatch(n), Durability::kSynced);
    }
    ASSERT_EQ(fatal_.errors().size(), 1u);
    EXPECT_THAT(fatal_.errors()[0], HasReasonCode(reason::kStorageFull));
    EXPECT_THAT(store->Get(0, "a"), StatusIs(absl::StatusCode::kUnavailable));
  }));
  FillDisk(0);
  EXPECT_TRUE(RunInChild([&] {
    ASSERT_OK_AND_ASSIGN(
        const auto store,
        RocksKvStore::Open(GetParam() ? options_ : ungated, &fatal_));
    EXPECT_TRUE(store->read_mostly());
    EXPECT_FALSE(std::filesystem::exists(options_.path + "/BALLAST"));
    EXPECT_THAT(store->Get(0, "a"), IsOkAndHolds(std::optional("v")));
    EXPECT_THAT(store->Commit(PutOne("b"), Durability::kSynced),
                HasReasonCode(reason::kStorageFull));
    KvBatch removal;
    removal.Remove(0, "large0");
    removal.set_passes_gate(true);
    EXPECT_OK(store->Commit(removal, Durability::kSynced));
    EXPECT_TRUE(fatal_.errors().empty());
  }));
  std::filesystem::remove(Filler());
  EXPECT_TRUE(RunInChild([&] {
    ASSERT_OK_AND_ASSIGN(const auto store,
                         RocksKvStore::Open(options_, &fatal_));
    EXPECT_FALSE(store->read_mostly());
    EXPECT_EQ(std::filesystem::file_size(options_.path + "/BALLAST"),
              options_.ballast_bytes);
    EXPECT_THAT(store->Get(0, "a"), IsOkAndHolds(std::optional("v")));
    EXPECT_THAT(store->Get(0, "large0"), IsOkAndHolds(std::nullopt));
    EXPECT_OK(store->Commit(PutOne("b"), Durability::kSynced));
  }));
}

INSTANTIATE_TEST_SUITE_P(WithAndWithoutReserve, RocksRecoveryTest,
                         ::testing::Bool());

}  // namespace
}  // namespace cairn
