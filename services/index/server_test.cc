#include "services/index/server.h"

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/io/posix_file_system.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/rpc/channel.h"
#include "common/server/cairn_server.h"
#include "common/status/status_macros.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "gtest/gtest.h"
#include "services/index/client/grpc_index_client.h"
#include "services/index/client/test_backup.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/options.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;

// The service in a real server on a unix socket, on RocksDB.
class IndexServerTest : public ::testing::Test {
 protected:
  IndexServerTest() : random_(TestSeed()) { Start(); }

  void Start() {
    const absl::Status started = TryStart();
    ASSERT_OK(started);
  }
  absl::Status TryStart() {
    ServerOptions server;
    server.data_dir = directory_.path();
    server.listen = {absl::StrCat("unix:", directory_.Join("socket"))};
    server.worker_threads = 1;
    server.rpc_threads = 2;
    server.max_streams = 1;
    Options options;
    options.reserve_bytes = 1;
    options.ballast_bytes = 0;
    auto started =
        CairnServer::Start("index", server, BuildServices(options, server),
                           {.clock = &clock_, .fatal_errors = &fatal_});
    RETURN_IF_ERROR(started.status());
    server_ = *std::move(started);
    ASSIGN_OR_RETURN(auto channel, CreateChannel({.target = server.listen[0]}));
    client_ = std::make_unique<GrpcIndexClient>(channel, &clock_);
    return absl::OkStatus();
  }
  void Restart() {
    client_.reset();
    server_.reset();
    Start();
  }

  const SystemClock clock_;
  const TempDir directory_{"/tmp"};  // the path of a socket must be short
  RecordingFatalErrorSink fatal_;
  std::mt19937_64 random_;
  std::unique_ptr<CairnServer> server_;
  std::unique_ptr<GrpcIndexClient> client_;
};

TEST_F(IndexServerTest, WhatWasPublishedIsThereAfterARestart) {
  ASSERT_OK_AND_ASSIGN(const Datastore before,
                       client_->GetDatastore({}, "default"));
  ASSERT_OK_AND_ASSIGN(
      const Snapshot snapshot,
      BackUp(*client_,
             NewTestSession(before.ref, TestGroup("web1"), 4, random_)));
  ASSERT_OK(client_->RaiseFence({}, before.ref, 3, 2));
  Restart();
  ASSERT_OK_AND_ASSIGN(const Datastore after,
                       client_->GetDatastore({}, "default"));
  EXPECT_EQ(after.ref, before.ref);
  ASSERT_OK_AND_ASSIGN(const Snapshot read,
                       client_->GetSnapshot({}, snapshot.name));
  EXPECT_EQ(read.archives, snapshot.archives);
  ASSERT_OK_AND_ASSIGN(const ArchiveEntries found,
                       client_->FindEntries({}, {snapshot.name, "root.pxa"}, 0,
                                            ~uint64_t{0}, 100));
  EXPECT_EQ(found.entries, BuildArchive("root.pxa", 5, 1).entries);
  ASSERT_OK_AND_ASSIGN(const FenceState fence,
                       client_->GetFence({}, after.ref));
  EXPECT_EQ(fence.fence, 3u);
  EXPECT_EQ(fence.highest_epoch, 4u);
  EXPECT_EQ(fence.highest_token, 2u);
  EXPECT_GE(fence.sequence, snapshot.sequence);
}

TEST_F(IndexServerTest, NamesTheDatabaseWhoseRowsAreLost) {
  ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                       client_->GetDatastore({}, "default"));
  client_.reset();
  server_.reset();
  const std::string path = directory_.Join("index/db");
  {
    PosixFileSystem files;
    Options options;
    options.reserve_bytes = 1;
    options.ballast_bytes = 0;
    ASSERT_OK_AND_ASSIGN(
        const auto kv,
        RocksKvStore::Open(DatabaseOptions(options, path, &files), &fatal_));
    KvBatch batch;
    batch.Remove(static_cast<KvTable>(Table::kState),
                 DatastorePrefix(datastore.ref.uuid));
    ASSERT_OK(kv->Commit(batch, Durability::kSynced));
  }
  const absl::Status refused = TryStart();
  EXPECT_THAT(refused.message(), HasSubstr(path));
  EXPECT_THAT(refused.message(), HasSubstr("has no row of numbers"));
  EXPECT_THAT(refused.message(), HasSubstr("cairn-index rebuild"));
}

TEST_F(IndexServerTest, ShowsItsMetrics) {
  ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                       client_->GetDatastore({}, "default"));
  ASSERT_OK(BackUp(
      *client_, NewTestSession(datastore.ref, TestGroup("web1"), 4, random_)));
  const std::string text = server_->metrics().Text();
  EXPECT_THAT(
      text, HasSubstr("cairn_index_sessions_total{outcome=\"published\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("cairn_sessions_open 0\n"));
  EXPECT_THAT(text, HasSubstr("cairn_index_checkpoints_total 1\n"));
}

}  // namespace
}  // namespace cairn::index
