#include "services/ingest/engine/catalog_frontend.h"

#include <random>

#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;

class CatalogFrontendTest : public testing::Test {
 protected:
  CatalogFrontendTest() : harness_(TestSeed()) {}

  CatalogFrontend& catalog() { return harness_.replica().catalog(); }
  absl::StatusOr<Snapshot> SetProtected(const Call& call,
                                        const SnapshotName& name, bool value) {
    UpdateSnapshotChange change{.name = name};
    change.is_protected = value;
    return catalog().UpdateSnapshot(call, change);
  }

  IngestHarness harness_;
  const Call owner_{
      .caller = {CallerKind::kTls, CallerRole::kBackup, "web1@tls"}};
};

TEST_F(CatalogFrontendTest, AClientSetsProtectionAndDoesNotTakeItOff) {
  ASSERT_OK_AND_ASSIGN(const Session session,
                       harness_.OpenSession(owner_, "web1"));
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream opened,
                         OpenStream(harness_, session, "a"));
    ASSERT_OK(opened.writer().End(0));
  }
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", 0}}));
  ASSERT_OK_AND_ASSIGN(Snapshot changed,
                       SetProtected(owner_, snapshot.name, true));
  EXPECT_TRUE(changed.is_protected);
  EXPECT_THAT(SetProtected(owner_, snapshot.name, false),
              StatusIs(StatusCode::kPermissionDenied));
  ASSERT_OK_AND_ASSIGN(changed, catalog().GetSnapshot(owner_, snapshot.name));
  EXPECT_TRUE(changed.is_protected);
  ASSERT_OK_AND_ASSIGN(changed,
                       SetProtected(harness_.admin(), snapshot.name, false));
  EXPECT_FALSE(changed.is_protected);
}

class ForgetTest : public CatalogFrontendTest {
 protected:
  Snapshot MakeSnapshot(const std::string& group) {
    return MakeSnapshot(group, owner_);
  }
  Snapshot MakeSnapshot(const std::string& group, const Call& owner) {
    const absl::StatusOr<Session> session = harness_.OpenSession(owner, group);
    EXPECT_OK(session);
    {
      auto opened = OpenStream(harness_, *session, "a");
      EXPECT_OK(opened);
      EXPECT_OK(opened->writer().End(0));
    }
    const absl::StatusOr<Snapshot> snapshot =
        harness_.Finish(*session, {{"a", 0}});
    EXPECT_OK(snapshot);
    return *snapshot;
  }
  absl::StatusOr<absl::Time> Forget(
      const Call& call, const SnapshotName& name,
      std::optional<absl::Duration> time = std::nullopt) {
    return catalog().ForgetSnapshots(
        call, {.datastore = "default", .names = {name}, .trash_time = time});
  }
  absl::Status Undelete(const Call& call, const SnapshotName& name) {
    return catalog().UndeleteSnapshots(
        call, {.datastore = "default", .names = {name}});
  }
  const Call stranger_{
      .caller = {CallerKind::kTls, CallerRole::kBackup, "other@tls"}};
};

TEST_F(ForgetTest, AClientForgetsAndTakesBackWhatItOwns) {
  const Snapshot snapshot = MakeSnapshot("web1");
  EXPECT_THAT(Forget(stranger_, snapshot.name),
              HasReasonCode(reason::kNotOwner));
  ASSERT_OK_AND_ASSIGN(const absl::Time until, Forget(owner_, snapshot.name));
  ASSERT_OK_AND_ASSIGN(const Snapshot trash,
                       catalog().GetSnapshot(owner_, snapshot.name));
  EXPECT_EQ(trash.state, SnapshotState::kTrash);
  EXPECT_EQ(trash.trash_until, until);
  EXPECT_EQ(until, *trash.trash_time + absl::Hours(24 * 7));
  ASSERT_OK_AND_ASSIGN(
      const ListPage<Snapshot> listed,
      catalog().ListSnapshots(
          stranger_, {.parent = snapshot.name.group.parent, .trash = true},
          {}));
  EXPECT_TRUE(listed.items.empty()) << "another owner's";
  EXPECT_THAT(Undelete(stranger_, snapshot.name),
              HasReasonCode(reason::kNotOwner));
  ASSERT_OK(Undelete(owner_, snapshot.name));
  ASSERT_OK_AND_ASSIGN(const Snapshot back,
                       catalog().GetSnapshot(owner_, snapshot.name));
  EXPECT_EQ(back.state, SnapshotState::kListed);
  SnapshotName never = snapshot.name;
  never.time += 1;
  EXPECT_THAT(Undelete(owner_, never), HasReasonCode(reason::kSnapshotGone));
}

// Index takes ingest for who asks, and lets it: the rule is kept here.
TEST_F(ForgetTest, AnothersAmongOwnIsRefusedWhole) {
  const Snapshot own = MakeSnapshot("web1");
  const Snapshot anothers = MakeSnapshot("web2", stranger_);
  const std::vector<SnapshotName> both = {own.name, anothers.name};
  EXPECT_THAT(catalog().ForgetSnapshots(
                  owner_, {.datastore = "default", .names = both}),
              HasReasonCode(reason::kNotOwner));
  for (const SnapshotName& name : both) {
    ASSERT_OK_AND_ASSIGN(const Snapshot after,
                         catalog().GetSnapshot(harness_.admin(), name));
    EXPECT_EQ(after.state, SnapshotState::kListed) << name.ToString();
    ASSERT_OK(Forget(harness_.admin(), name));
  }
  EXPECT_THAT(catalog().UndeleteSnapshots(
                  owner_, {.datastore = "default", .names = both}),
              HasReasonCode(reason::kNotOwner));
}

TEST_F(ForgetTest, TellsTheTimeOfWhatItForgets) {
  const Snapshot before = MakeSnapshot("web1");
  const Snapshot now = MakeSnapshot("web1");
  ASSERT_OK(Forget(owner_, before.name, absl::Hours(24 * 30)));
  ASSERT_OK_AND_ASSIGN(
      const absl::Time until,
      catalog().ForgetSnapshots(
          owner_, {.datastore = "default", .names = {before.name, now.name}}));
  ASSERT_OK_AND_ASSIGN(const Snapshot trash,
                       catalog().GetSnapshot(owner_, now.name));
  EXPECT_EQ(until, trash.trash_until);
}

TEST_F(ForgetTest, OnlyAnAdministratorShortensTheTimeInTrash) {
  const Snapshot snapshot = MakeSnapshot("web1");
  EXPECT_THAT(Forget(owner_, snapshot.name, absl::ZeroDuration()),
              StatusIs(StatusCode::kPermissionDenied));
  ASSERT_OK_AND_ASSIGN(const Snapshot listed,
                       catalog().GetSnapshot(owner_, snapshot.name));
  EXPECT_EQ(listed.state, SnapshotState::kListed);
  ASSERT_OK(Forget(owner_, snapshot.name, absl::Hours(24 * 8)));
  ASSERT_OK(Undelete(harness_.admin(), snapshot.name));
  ASSERT_OK_AND_ASSIGN(
      const absl::Time until,
      Forget(harness_.admin(), snapshot.name, absl::ZeroDuration()));
  ASSERT_OK_AND_ASSIGN(const Snapshot trash,
                       catalog().GetSnapshot(owner_, snapshot.name));
  EXPECT_EQ(trash.trash_time, until);
}

TEST_F(ForgetTest, WhatIsProtectedIsNotForgotten) {
  const Snapshot snapshot = MakeSnapshot("web1");
  ASSERT_OK(SetProtected(owner_, snapshot.name, true));
  EXPECT_THAT(Forget(harness_.admin(), snapshot.name),
              HasReasonCode(reason::kSnapshotProtected));
}

}  // namespace
}  // namespace cairn::ingest
