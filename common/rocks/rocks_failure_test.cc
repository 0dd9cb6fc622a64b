#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/rocks/rocks_kv_store.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/run_in_child.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

// A RocksKvStore whose disk fails. Each store has a process of its own, since
// a store that has failed is not closed.
namespace cairn {
namespace {

using ::testing::HasSubstr;

class RocksFailureTest : public ::testing::Test {
 protected:
  std::unique_ptr<RocksKvStore> Open() {
    return RocksKvStore::Open(options_, &fatal_).value();
  }
  static KvBatch PutOne(const std::string& key, std::string value = "v") {
    KvBatch batch;
    batch.Put(0, key, std::move(value));
    return batch;
  }
  // A commit that fails in the middle: the limit of the file size stands in
  // for a bad disk.
  static absl::Status FailAWrite(RocksKvStore& store) {
    rlimit saved;
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &saved), 0);
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{.rlim_cur = 300000, .rlim_max = saved.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
    const absl::Status failed = store.Commit(
        PutOne("large", std::string(1000000, 'x')), Durability::kSynced);
    ::setrlimit(RLIMIT_FSIZE, &saved);
    return failed;
  }

  TempDir directory_;
  RecordingFatalErrorSink fatal_;
  RocksKvStore::Options options_ = {.path = directory_.Join("db"),
                                    .tables = {{"a"}},
                                    .reserve_bytes = 1 << 20,
                                    .ballast_bytes = 0};
};

TEST_F(RocksFailureTest, AFailedWriteEndsTheStore) {
  EXPECT_TRUE(RunInChild([&] {
    const auto store = Open();
    EXPECT_OK(store->Commit(PutOne("a"), Durability::kSynced));
    EXPECT_THAT(FailAWrite(*store), StatusIs(absl::StatusCode::kInternal));
    ASSERT_EQ(fatal_.errors().size(), 1u);
    EXPECT_THAT(fatal_.errors()[0], StatusIs(absl::StatusCode::kInternal,
                                             HasSubstr(options_.path)));
    const auto unavailable = StatusIs(absl::StatusCode::kUnavailable);
    EXPECT_THAT(store->Commit(PutOne("b"), Durability::kSynced), unavailable);
    EXPECT_THAT(store->Commit(KvBatch(), Durability::kSynced), unavailable);
    EXPECT_THAT(store->Get(0, "a"), unavailable);
    EXPECT_THAT(store->MultiGet(0, {}), unavailable);
    const auto view = store->NewView();
    EXPECT_THAT(view->Get(0, "a"), unavailable);
    const auto cursor = view->Scan(0, "", "");
    EXPECT_FALSE(cursor->Valid());
    EXPECT_THAT(cursor->status(), unavailable);
    EXPECT_EQ(fatal_.errors().size(), 1u);
  }));
  EXPECT_TRUE(RunInChild([&] {
    const auto store = Open();
    EXPECT_THAT(store->Get(0, "a"), IsOkAndHolds(std::optional("v")));
    EXPECT_THAT(store->Get(0, "large"), IsOkAndHolds(std::nullopt));
    EXPECT_OK(store->Commit(PutOne("b"), Durability::kSynced));
    EXPECT_TRUE(fatal_.errors().empty());
  }));
}

// RocksDB cannot create the files of a flush.
TEST_F(RocksFailureTest, AFailedFlushEndsTheStore) {
  options_.write_buffer_bytes = 256 << 10;
  EXPECT_TRUE(RunInChild([&] {
    const auto store = Open();
    EXPECT_OK(store->Commit(PutOne("a"), Durability::kSynced));
    std::filesystem::rename(options_.path, options_.path + ".gone");
    absl::Status failed;
    for (int i = 0; i < 1000 && failed.ok(); ++i) {
      KvBatch batch = PutOne(std::to_string(i), std::string(10000, 'x'));
      batch.set_passes_gate(true);
      failed = store->Commit(batch, Durability::kBuffered);
    }
    EXPECT_FALSE(failed.ok());
    EXPECT_EQ(fatal_.errors().size(), 1u);
    EXPECT_THAT(store->Get(0, "a"), StatusIs(absl::StatusCode::kUnavailable));
  }));
}

}  // namespace
}  // namespace cairn
