// Gc and verify beside the real engines of index and chunk_storage, in one
// process: what one of them promises is what the others rely on.
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/kv/memory_kv_store.h"
#include "common/metrics/metric_registry.h"
#include "common/status/status_macros.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/in_memory_chunk_storage.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/maintenance/client/catalog_changes.h"
#include "services/maintenance/engine/fake_run.h"
#include "services/maintenance/engine/gc_run.h"
#include "services/maintenance/engine/verify_run.h"

namespace cairn::maintenance {
namespace {

using Reason = LaterBytes::Reason;

class GcRealPeersTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(store_.Start());
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock(), random_));
    ASSERT_OK_AND_ASSIGN(datastore_,
                         index_->client().GetDatastore(call_, "default"));
    StartMaintenance();
    ASSERT_OK(changes_->Open(call_, "default"));
  }

  // Maintenance as it is after a restart.
  void StartMaintenance() {
    coordinator_.reset();
    ASSERT_OK_AND_ASSIGN(
        coordinator_, LeaseCoordinator::Open({}, {.clock = &clock(),
                                                  .executor = &executor(),
                                                  .kv = &kv_,
                                                  .catalog = &index_->client(),
                                                  .fence = &index_->client(),
                                                  .chunks = &store_.chunks(),
                                                  .metrics = &metrics_}));
    ASSERT_OK(coordinator_->PushTouchFloor(call_, "default"));
    changes_ = std::make_unique<CatalogChanges>(
        CatalogChanges::Dependencies{.catalog = &index_->client(),
                                     .chunks = &store_.chunks(),
                                     .clock = &clock(),
                                     .peer_timeout = absl::Minutes(1)});
  }
  FakeClock& clock() { return store_.harness().clock(); }
  TestExecutor& executor() { return store_.harness().test_executor(); }

  RunPeers Peers() {
    return {.clock = &clock(),
            .executor = &executor(),
            .coordinator = coordinator_.get(),
            .catalog = &index_->client(),
            .fence = &index_->client(),
            .chunks = &store_.chunks(),
            .index = &index_->sweeps(),
            .store = &store_.sweeps(),
            .sweeps = &sweeps_};
  }

  // Chunks from..to of 20 kB each, that do not compress.
  struct Content {
    std::vector<Record> records;
    BuiltArchive archive;
  };
  Content MakeContent(int from, int to) {
    Content content;
    std::vector<ChunkEntry> entries;
    for (int i = from; i < to; ++i) {
      std::mt19937_64 bytes(static_cast<uint64_t>(i) + 1);
      std::string plain(20000, '\0');
      for (char& c : plain) c = static_cast<char>(bytes());
      content.records.push_back(chunk_storage::RawChunk(plain));
      entries.push_back({.length = plain.size(),
                         .digest = content.records.back().key.digest});
    }
    content.archive = BuildArchiveOf("root.img", entries);
    return content;
  }

  // A session with everything stored, before its publish.
  NewSession Store(const std::string& id, const Content& content) {
    const GroupName group = TestGroup(id);
    NewSession session = NewTestSession(datastore_.ref, group, 1, random_);
    LeaseRequest request;
    request.id = session.ref.session;
    request.datastore = "default";
    request.ref = datastore_.ref;
    request.claims = {{group.ToString(), LeaseMode::kExclusive}};
    request.holder = absl::StrCat("ingest of ", id);
    request.ttl = absl::Hours(24);
    const auto lease = coordinator_->Acquire(call_, request);
    EXPECT_OK(lease);
    session.ref.epoch = lease->start_epoch;
    EXPECT_OK(index_->client().OpenSession(call_, session));
    std::vector<Record> records = content.records;
    for (const EncodedPage& page : content.archive.pages) {
      records.push_back(
          chunk_storage::RawRecord(RecordKind::kPage, page.bytes));
    }
    const auto put = store_.chunks().Put(call_, session.ref, records);
    EXPECT_OK(put);
    EXPECT_OK(store_.chunks().Sync(call_, session.ref, put->incarnation));
    EXPECT_OK(PutArchive(index_->client(), session.ref, content.archive));
    return session;
  }
  absl::StatusOr<Snapshot> Publish(const NewSession& session,
                                   const Content& content) {
    ASSIGN_OR_RETURN(const PreparedPublish prepared,
                     index_->client().PreparePublish(
                         call_, session.ref, RequestFor({content.archive})));
    RETURN_IF_ERROR(store_.chunks()
                        .Append(call_, datastore_.ref, {prepared.manifest})
                        .status());
    ASSIGN_OR_RETURN(
        Snapshot snapshot,
        index_->client().CommitPublish(call_, session.ref, prepared.sequence));
    RETURN_IF_ERROR(
        coordinator_->Release(call_, "default", session.ref.session));
    return snapshot;
  }
  SnapshotName BackUp(const std::string& id, const Content& content) {
    const auto snapshot = Publish(Store(id, content), content);
    EXPECT_OK(snapshot);
    return snapshot.ok() ? snapshot->name : SnapshotName{};
  }
  void Forget(const SnapshotName& name,
              absl::Duration trash_time = absl::ZeroDuration()) {
    ForgetSnapshotsChange change;
    change.datastore = "default";
    change.names = {name};
    change.trash_time = trash_time;
    EXPECT_OK(changes_->Apply(call_, "default", change));
    clock().Advance(absl::Seconds(1));
  }

  absl::StatusOr<GcRunResult> Gc(GcRunOptions asked = {.live_percent = 100}) {
    asked.datastore = "default";
    control_ = std::make_unique<RecordingControl>();
    control_->at_checkpoint = at_checkpoint_;
    return GcRun({}, Peers(), &metrics_, Uuid::Random(random_), asked,
                 control_.get())
        .Run();
  }
  absl::StatusOr<VerifyRunResult> Verify() {
    VerifyRunOptions asked;
    asked.scope.parent.datastore = "default";
    control_ = std::make_unique<RecordingControl>();
    control_->at_checkpoint = at_checkpoint_;
    return VerifyRun({}, Peers(), Uuid::Random(random_), asked, control_.get())
        .Run();
  }
  bool IsPresent(const Record& record) {
    const auto stream =
        store_.chunks().Get(call_, datastore_.ref, {record.key});
    return stream.ok() && (*stream)->Next().ok();
  }
  void ExpectPresent(const Content& content, bool present) {
    for (const Record& record : content.records) {
      EXPECT_EQ(IsPresent(record), present);
    }
  }
  uint64_t PackBytes() {
    uint64_t bytes = 0;
    for (const std::string& path : store_.harness().PackPaths(datastore_.ref)) {
      const auto file = store_.harness().disk().OpenForRead(path);
      EXPECT_OK(file);
      bytes += (*file)->Size().value();
    }
    return bytes;
  }
  static const LaterBytes* Find(const GcRunResult& result, Reason reason) {
    for (const LaterBytes& later : result.later) {
      if (later.reason == reason) return &later;
    }
    return nullptr;
  }

  std::mt19937_64 random_{TestSeed()};
  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kMaintenance, "test@service"}};
  InMemoryChunkStorage store_;
  std::unique_ptr<InMemoryIndex> index_;
  Datastore datastore_;
  MemoryKvStore kv_{LeaseStore::TableNames().size()};
  MemoryKvStore sweep_kv_{1};
  SweepStore sweeps_{&sweep_kv_, 0};
  MetricRegistry registry_;
  MaintenanceMetrics metrics_{&registry_};
  std::unique_ptr<LeaseCoordinator> coordinator_;
  std::unique_ptr<CatalogChanges> changes_;
  std::unique_ptr<RecordingControl> control_;
  std::function<absl::Status(const std::string&)> at_checkpoint_;
};

TEST_F(GcRealPeersTest, WhatIsForgottenIsFreedAndNothingElse) {
  const Content first = MakeContent(0, 30);
  const Content second = MakeContent(20, 50);
  const SnapshotName forgotten = BackUp("web1", first);
  const SnapshotName kept = BackUp("web2", second);
  ASSERT_OK_AND_ASSIGN(GcRunResult result, Gc());
  EXPECT_EQ(result.dropped_records, 0u);
  EXPECT_EQ(result.missing_records, 0u);
  EXPECT_EQ(result.snapshots, 2u);

  Forget(forgotten);
  const uint64_t before = PackBytes();
  ASSERT_OK_AND_ASSIGN(result, Gc());
  EXPECT_GE(result.dropped_records, 20u);
  EXPECT_EQ(result.removed_snapshots, 1u);
  EXPECT_GT(before - PackBytes(), 19u * 20000);
  ExpectPresent(second, true);
  ExpectPresent(MakeContent(0, 20), false);
  EXPECT_THAT(index_->client().GetSnapshot(call_, forgotten),
              StatusIs(absl::StatusCode::kNotFound));

  ASSERT_OK_AND_ASSIGN(result, Gc());
  EXPECT_EQ(result.dropped_records, 0u) << "one sweep takes all";
  EXPECT_TRUE(result.later.empty());
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult verified, Verify());
  EXPECT_EQ(verified.verified_ok, 1u);
  EXPECT_TRUE(verified.complete);
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       index_->client().GetSnapshot(call_, kept));
  EXPECT_EQ(snapshot.verification.state, VerifyState::kOk);
}

TEST_F(GcRealPeersTest, TrashIsKeptForItsTime) {
  const Content content = MakeContent(0, 20);
  const SnapshotName name = BackUp("web1", content);
  BackUp("web2", MakeContent(100, 101));
  Forget(name, absl::Hours(20));
  ASSERT_OK_AND_ASSIGN(GcRunResult result, Gc());
  ExpectPresent(content, true);
  ASSERT_NE(Find(result, Reason::kTrash), nullptr);
  EXPECT_GE(Find(result, Reason::kTrash)->bytes, 20u * 20000);
  clock().Advance(absl::Hours(21));
  ASSERT_OK_AND_ASSIGN(result, Gc());
  ExpectPresent(content, false);
}

// Issue 5, "done when" 5.
TEST_F(GcRealPeersTest, AnOlderOpenSessionKeepsWhatItMayNeed) {
  const Content shared = MakeContent(0, 20);
  const SnapshotName base = BackUp("web1", shared);
  BackUp("web3", MakeContent(100, 101));
  ASSERT_OK(Gc());
  // An old ingest, whose backup is open and idle, was told that all of it is
  // there.
  const NewSession idle = Store("web2", shared);
  ASSERT_OK(Gc());
  Forget(base);
  ASSERT_OK_AND_ASSIGN(GcRunResult result, Gc());
  ExpectPresent(shared, true);
  const LaterBytes* const later = Find(result, Reason::kSession);
  ASSERT_NE(later, nullptr);
  EXPECT_GE(later->bytes, 20u * 20000);
  EXPECT_TRUE(absl::StrContains(later->holder, idle.ref.session.ToString()));
  EXPECT_TRUE(absl::StrContains(later->holder, "ingest of web2"));

  ASSERT_OK(index_->client().AbortSession(call_, idle.ref));
  ASSERT_OK(coordinator_->Release(call_, "default", idle.ref.session));
  ASSERT_OK_AND_ASSIGN(result, Gc());
  ExpectPresent(shared, false);
  EXPECT_EQ(Find(result, Reason::kSession), nullptr);
}

TEST_F(GcRealPeersTest, ASessionBesideTheSweepMayPublish) {
  const Content shared = MakeContent(0, 20);
  const SnapshotName base = BackUp("web1", shared);
  BackUp("web3", MakeContent(100, 101));
  Forget(base);
  NewSession session;
  at_checkpoint_ = [&](const std::string& phase) {
    if (phase == "plan" && session.ref.epoch == 0) {
      session = Store("web2", shared);
    }
    return absl::OkStatus();
  };
  ASSERT_OK(Gc());
  ExpectPresent(shared, true);
  ASSERT_OK(Publish(session, shared));
  at_checkpoint_ = nullptr;
  ASSERT_OK(Gc());
  ExpectPresent(shared, true);
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult verified, Verify());
  EXPECT_EQ(verified.verified_failed, 0u);
}

// As a task that is paused does: chunk_storage drops marks that nobody uses.
TEST_F(GcRealPeersTest, ARunThatStandsStillKeepsItsMarks) {
  const Content kept = MakeContent(0, 10);
  BackUp("web1", kept);
  const Content gone = MakeContent(20, 30);
  Forget(BackUp("web2", gone));
  int pauses = 0;
  at_checkpoint_ = [&](const std::string& phase) {
    if (phase != "list" && phase != "mark") {
      executor().AdvanceAndRun(absl::Hours(3));
      ++pauses;
    }
    return absl::OkStatus();
  };
  ASSERT_OK(Gc());
  EXPECT_GE(pauses, 3);
  ExpectPresent(kept, true);
  ExpectPresent(gone, false);
  pauses = 0;
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult verified, Verify());
  EXPECT_GE(pauses, 2);
  EXPECT_TRUE(verified.complete);
  EXPECT_EQ(verified.verified_ok, 1u);
}

TEST_F(GcRealPeersTest, APlanFreesNothing) {
  const Content content = MakeContent(0, 20);
  Forget(BackUp("web1", content), absl::Hours(1));
  BackUp("web2", MakeContent(100, 101));
  clock().Advance(absl::Hours(2));
  const uint64_t before = PackBytes();
  ASSERT_OK_AND_ASSIGN(const GcRunResult result,
                       Gc({.live_percent = 100, .validate_only = true}));
  EXPECT_EQ(Find(result, Reason::kTrash), nullptr) << "its time is over";
  EXPECT_GE(result.dropped_records, 20u) << "what a gc would drop";
  EXPECT_GE(PackBytes(), before);
  ExpectPresent(content, true);
}

// The process dies between any two steps.
TEST_F(GcRealPeersTest, ARestartOfMaintenanceAtAnyStep) {
  const Content kept = MakeContent(0, 10);
  BackUp("web0", kept);
  for (int crash_at = 0;; ++crash_at) {
    SCOPED_TRACE(crash_at);
    const Content gone = MakeContent(100 + 10 * crash_at, 110 + 10 * crash_at);
    Forget(BackUp("web1", gone));
    int steps = 0;
    at_checkpoint_ = [&](const std::string&) -> absl::Status {
      if (steps++ != crash_at) return absl::OkStatus();
      return absl::CancelledError("killed");
    };
    const auto result = Gc();
    at_checkpoint_ = nullptr;
    StartMaintenance();
    ExpectPresent(kept, true);
    ASSERT_OK(Gc());
    ExpectPresent(kept, true);
    ExpectPresent(gone, false);
    clock().Advance(absl::Seconds(1));
    if (result.ok()) break;
    ASSERT_LT(crash_at, 100);
  }
}

// Index and chunk_storage have lost what they knew of the sweep, and what was
// not durable.
TEST_F(GcRealPeersTest, ARestartOfThePeersLosesTheSweepAndNoData) {
  const Content kept = MakeContent(0, 10);
  BackUp("web1", kept);
  const Content gone = MakeContent(20, 30);
  Forget(BackUp("web2", gone));
  at_checkpoint_ = [](const std::string& phase) {
    return phase == "plan" ? absl::CancelledError("killed") : absl::OkStatus();
  };
  EXPECT_THAT(Gc(), StatusIs(absl::StatusCode::kCancelled));
  at_checkpoint_ = nullptr;
  coordinator_.reset();
  ASSERT_OK(index_->Restart(random_));
  ASSERT_OK(store_.Start());
  StartMaintenance();
  ExpectPresent(kept, true);
  ASSERT_OK(Gc());
  ExpectPresent(kept, true);
  ExpectPresent(gone, false);
}

TEST_F(GcRealPeersTest, VerifyNamesWhatIsDamaged) {
  const Content content = MakeContent(0, 10);
  const SnapshotName bad = BackUp("web1", content);
  const SnapshotName good = BackUp("web2", MakeContent(20, 30));
  ASSERT_OK(Gc());
  store_.harness().Damage(datastore_.ref, content.records[3].key);
  ASSERT_OK_AND_ASSIGN(const VerifyRunResult result, Verify());
  EXPECT_EQ(result.damaged_records, 1u);
  EXPECT_EQ(result.verified_failed, 1u);
  EXPECT_EQ(result.verified_ok, 1u);
  ASSERT_EQ(result.damage.size(), 1u);
  EXPECT_EQ(result.damage[0].snapshot, bad);
  EXPECT_EQ(result.damage[0].ranges,
            (std::vector<DamagedRange>{{"root.img", 60000, 20000}}));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       index_->client().GetSnapshot(call_, good));
  EXPECT_EQ(snapshot.verification.state, VerifyState::kOk);
}

}  // namespace
}  // namespace cairn::maintenance
