// What a session may take over of its base: it is in the session's own row,
// which is what a sweep that comes later keeps, whatever becomes of the base.

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "common/kv/kv_store.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/index/client/in_memory_index.h"
#include "services/index/client/test_backup.h"
#include "services/index/domain/catalog_keys.h"
#include "services/index/storage/index_store.h"

namespace cairn::index {
namespace {

constexpr uint64_t kMark = 77;

class SessionBaseTest : public ::testing::Test {
 protected:
  SessionBaseTest() : random_(TestSeed()) {}

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(index_, InMemoryIndex::Open(&clock_, random_));
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         client().GetDatastore({}, "default"));
    ref_ = datastore.ref;
  }
  LocalIndexClient& client() { return index_->client(); }

  NewSession New(uint64_t loss_mark) {
    NewSession request = NewTestSession(ref_, TestGroup("web1"), 5, random_);
    request.loss_mark = loss_mark;
    clock_.Advance(absl::Seconds(1));
    return request;
  }

  // Opens a session over `base`, writes `archives` and prepares.
  absl::StatusOr<uint64_t> Prepare(const NewSession& request,
                                   const std::vector<BuiltArchive>& archives) {
    RETURN_IF_ERROR(client().OpenSession({}, request).status());
    for (const BuiltArchive& archive : archives) {
      RETURN_IF_ERROR(PutArchive(client(), request.ref, archive));
    }
    ASSIGN_OR_RETURN(
        const PreparedPublish prepared,
        client().PreparePublish({}, request.ref, RequestFor(archives)));
    return prepared.sequence;
  }
  absl::StatusOr<Snapshot> BackUpBoth(const NewSession& request) {
    BuiltArchive blob = BuildArchive("conf.blob", 1, 2);
    blob.checkpoint.kind = ArchiveKind::kBlob;
    ASSIGN_OR_RETURN(
        const uint64_t sequence,
        Prepare(request, {BuildArchive("a.img", 100, 1), std::move(blob)}));
    return client().CommitPublish({}, request.ref, sequence);
  }

  // What the present database holds of a session, as a sweep's view will.
  std::vector<Archive> RowsRoots(const NewSession& request) {
    const absl::StatusOr<std::optional<SessionRow>> row =
        IndexStore(&index_->kv())
            .NewView(ref_.uuid)
            .GetSession(request.ref.session);
    EXPECT_OK(row);
    return row.ok() && row->has_value() ? (*row)->base_archives
                                        : std::vector<Archive>();
  }
  SnapshotRow RowOf(const SnapshotName& name) {
    return **IndexStore(&index_->kv()).NewView(ref_.uuid).GetSnapshot(name);
  }
  void Put(const SnapshotName& name, const SnapshotRow& row) {
    IndexBatch batch(ref_.uuid);
    batch.PutSnapshot(name, row);
    ASSERT_OK(IndexStore(&index_->kv()).Commit(batch, Durability::kSynced));
  }
  // As a sweep does with what is gone for good.
  void Remove(const SnapshotName& name) {
    KvBatch batch;
    batch.Remove(static_cast<KvTable>(Table::kSnapshots),
                 SnapshotKey(ref_.uuid, name));
    ASSERT_OK(index_->kv().Commit(batch, Durability::kSynced));
  }

  FakeClock clock_{absl::FromUnixSeconds(1795293585)};
  std::mt19937_64 random_;
  std::unique_ptr<InMemoryIndex> index_;
  DatastoreRef ref_;
};

TEST_F(SessionBaseTest, TheRootsAreDurableWithTheSessionAndNamedByItsRow) {
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUpBoth(New(kMark)));
  ASSERT_EQ(base.archives.size(), 2u);
  NewSession request = New(kMark);
  request.base = base.name;
  const uint64_t synced = index_->kv().synced_commit_count();
  ASSERT_OK(client().OpenSession({}, request));
  EXPECT_EQ(index_->kv().synced_commit_count(), synced + 1);
  ASSERT_OK(index_->Restart(random_));
  // A blob is never written as changes of another.
  EXPECT_EQ(RowsRoots(request), std::vector<Archive>({base.archives[0]}));
  ASSERT_OK_AND_ASSIGN(
      const Session session,
      client().GetSession({}, {"default", request.ref.session}));
  EXPECT_EQ(session.base_archives, RowsRoots(request));
}

TEST_F(SessionBaseTest, ABaseThatIsForgottenMeanwhileDoesNotEndTheSession) {
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUpBoth(New(kMark)));
  NewSession request = New(kMark);
  request.base = base.name;
  // Wholly taken over: the pages of the base are all there is.
  ASSERT_OK(client().OpenSession({}, request));
  const BuiltArchive same = BuildArchive("a.img", 100, 1);
  SnapshotRow row = RowOf(base.name);
  row.state = SnapshotState::kTrash;
  Put(base.name, row);
  ASSERT_OK(client().SaveCheckpoint({}, request.ref, same.checkpoint, 0));
  Remove(base.name);
  ASSERT_OK(index_->Restart(random_));
  EXPECT_EQ(RowsRoots(request), std::vector<Archive>({base.archives[0]}));
  EXPECT_OK(client().GetPages({}, request.ref, {base.archives[0].root.page}));
  ASSERT_OK_AND_ASSIGN(
      const PreparedPublish prepared,
      client().PreparePublish({}, request.ref, RequestFor({same})));
  ASSERT_OK_AND_ASSIGN(
      const Snapshot snapshot,
      client().CommitPublish({}, request.ref, prepared.sequence));
  EXPECT_EQ(snapshot.archives[0], base.archives[0]);
  EXPECT_EQ(RowOf(snapshot.name).loss_mark, kMark);
  // From here on the snapshot is the root.
  EXPECT_TRUE(RowsRoots(request).empty());
}

TEST_F(SessionBaseTest, WithoutRootsABaseThatIsGoneEndsTheSession) {
  ASSERT_OK_AND_ASSIGN(const Snapshot base, BackUpBoth(New(kMark)));
  NewSession request = New(kMark + 1);
  request.base = base.name;
  ASSERT_OK_AND_ASSIGN(const uint64_t sequence,
                       Prepare(request, {BuildArchive("a.img", 100, 1)}));
  EXPECT_TRUE(RowsRoots(request).empty());
  Remove(base.name);
  EXPECT_THAT(client().CommitPublish({}, request.ref, sequence),
              HasReasonCode(reason::kBaseGone));
}

TEST_F(SessionBaseTest, ASnapshotCarriesTheMarkThatItsSessionBeganWith) {
  // Of each, what the next one may take over: only while nothing was lost
  // since it began.
  std::optional<SnapshotName> last;
  uint64_t last_mark = 0;
  for (const uint64_t mark : {kMark, kMark, kMark + 1, kMark + 1, uint64_t{0},
                              uint64_t{0}, kMark, kMark}) {
    NewSession request = New(mark);
    request.base = last;
    ASSERT_OK_AND_ASSIGN(const uint64_t sequence,
                         Prepare(request, {BuildArchive("a.img", 20, 1)}));
    EXPECT_EQ(!RowsRoots(request).empty(), mark != 0 && mark == last_mark);
    ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                         client().CommitPublish({}, request.ref, sequence));
    EXPECT_EQ(RowOf(snapshot.name).loss_mark, mark);
    last = snapshot.name;
    last_mark = mark;
  }
}

}  // namespace
}  // namespace cairn::index
