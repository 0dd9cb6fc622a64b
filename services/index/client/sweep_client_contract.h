#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/digest/sha256.h"
#include "common/model/catalog.h"
#include "common/status/reason.h"
#include "common/testing/fake_clock.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/wire/catalog_records.h"
#include "gtest/gtest.h"
#include "services/index/client/catalog_client.h"
#include "services/index/client/index_under_test.h"
#include "services/index/client/session_client.h"
#include "services/index/client/sweep_client.h"
#include "services/index/client/test_backup.h"

// What a sweep and a verify find in index, whatever way they reach it. A file
// that includes this instantiates IndexSweepContract with a factory.
namespace cairn {

// A snapshot that was published, and what it is made of.
struct PublishedBackup {
  Snapshot snapshot;
  Digest manifest;
  std::vector<BuiltArchive> archives;
};

class IndexSweepContract : public ::testing::TestWithParam<IndexFactory> {
 protected:
  using Marks = std::map<std::pair<RecordKind, uint64_t>, MarkHolder>;

  static constexpr uint64_t kLossMark = 7;
  static constexpr absl::Duration kTrashTime = absl::Hours(24);

  IndexSweepContract() : random_(TestSeed()) {}

  void SetUp() override {
    index_ = GetParam().make(&clock_);
    ASSERT_NE(index_, nullptr);
    ASSERT_OK_AND_ASSIGN(const Datastore datastore,
                         catalog().GetDatastore({}, "default"));
    ref_ = datastore.ref;
  }

  CatalogClient& catalog() { return index_->catalog(); }
  SessionClient& sessions() { return index_->sessions(); }
  IndexSweepClient& sweeps() { return index_->sweeps(); }

  NewSession NewIn(const GroupName& group, uint64_t epoch = 1) {
    NewSession request = NewTestSession(ref_, group, epoch, random_);
    request.loss_mark = kLossMark;
    return request;
  }

  // A backup of archives that no other has, by a session of `epoch`.
  PublishedBackup BackUpOnce(const std::string& group, uint64_t epoch = 1) {
    return Publish(NewIn(TestGroup(group), epoch),
                   {BuildArchive("a.img", 40, random_()),
                    BuildArchive("b.img", 9, random_())});
  }

  PublishedBackup Publish(const NewSession& request,
                          std::vector<BuiltArchive> archives) {
    PublishedBackup backup;
    backup.archives = std::move(archives);
    clock_.Advance(absl::Seconds(10));
    EXPECT_OK(sessions().OpenSession({}, request));
    for (const BuiltArchive& archive : backup.archives) {
      EXPECT_OK(PutArchive(sessions(), request.ref, archive));
    }
    const auto prepared =
        sessions().PreparePublish({}, request.ref, RequestFor(backup.archives));
    EXPECT_OK(prepared);
    if (!prepared.ok()) return backup;
    backup.manifest = prepared->manifest.key.digest;
    const auto snapshot =
        sessions().CommitPublish({}, request.ref, prepared->sequence);
    EXPECT_OK(snapshot);
    if (snapshot.ok()) backup.snapshot = *snapshot;
    return backup;
  }

  absl::Status Change(const CatalogChange& change) {
    const auto prepared = catalog().PrepareChange({}, change);
    if (!prepared.ok()) return prepared.status();
    return catalog().CommitChange({}, change, prepared->sequence);
  }
  absl::Status Forget(const PublishedBackup& backup,
                      absl::Duration trash_time = kTrashTime) {
    return Change(ForgetSnapshotsChange{.datastore = "default",
                                        .names = {backup.snapshot.name},
                                        .trash_time = trash_time});
  }
  absl::Status Undelete(const PublishedBackup& backup) {
    return Change(UndeleteSnapshotsChange{.datastore = "default",
                                          .names = {backup.snapshot.name}});
  }

  static void Expect(Marks& marks, RecordKind kind, const Digest& digest,
                     MarkHolder holder) {
    const auto [known, added] =
        marks.emplace(std::pair(kind, MarkPrefix(digest)), holder);
    known->second = std::min(known->second, holder);
  }
  static void ExpectArchive(Marks& marks, const BuiltArchive& archive,
                            MarkHolder holder) {
    for (const EncodedPage& page : archive.pages) {
      Expect(marks, RecordKind::kPage, page.id, holder);
    }
    for (const PlacedEntry& placed : archive.entries) {
      if (placed.entry.is_hole) continue;
      Expect(marks, RecordKind::kChunk, placed.entry.digest, holder);
    }
  }
  static void Expect(Marks& marks, const PublishedBackup& backup,
                     MarkHolder holder) {
    Expect(marks, RecordKind::kManifest, backup.manifest, holder);
    for (const BuiltArchive& archive : backup.archives) {
      ExpectArchive(marks, archive, holder);
    }
  }

  static absl::StatusOr<Marks> Read(
      absl::StatusOr<std::unique_ptr<MarkStream>> stream) {
    if (!stream.ok()) return stream.status();
    Marks marks;
    std::optional<std::tuple<RecordKind, Domain, uint64_t>> last;
    while (true) {
      const auto run = (*stream)->Next();
      if (!run.ok()) return run.status();
      if (!run->has_value()) return marks;
      for (const Mark& mark : (*run)->marks) {
        const std::tuple key((*run)->kind, (*run)->domain, mark.prefix);
        EXPECT_TRUE(!last.has_value() || *last < key);
        last = key;
        marks[{(*run)->kind, mark.prefix}] = mark.holder;
      }
    }
  }

  absl::StatusOr<Marks> MarkSweep(uint64_t token,
                                  const std::vector<std::string>& leased = {}) {
    return Read(sweeps().MarkSweep(
        {}, ref_, token, leased,
        [this](const MarkProgress& progress) { progress_ = progress; }));
  }
  absl::StatusOr<Marks> MarkScope(const SnapshotScope& scope) {
    return Read(sweeps().MarkScope(
        {}, ref_, scope,
        [this](const MarkProgress& progress) { progress_ = progress; }));
  }

  // Names of the snapshots in all events, by sequence.
  absl::StatusOr<std::vector<std::pair<uint64_t, std::vector<SnapshotName>>>>
  ListGone(uint64_t token) {
    std::vector<std::pair<uint64_t, std::vector<SnapshotName>>> all;
    uint64_t after = 0;
    while (true) {
      const auto gone = sweeps().ListGoneEvents({}, ref_, token, after);
      if (!gone.ok()) return gone.status();
      for (const Record& record : gone->events) {
        EXPECT_EQ(record.key.kind, RecordKind::kEvent);
        EXPECT_EQ(record.key.digest, Sha256(record.payload));
        EXPECT_GT(record.sequence, after);
        after = record.sequence;
        const auto event = DecodeEvent(record.payload);
        if (!event.ok()) return event.status();
        EXPECT_EQ(event->header.sequence, record.sequence);
        const auto* change = std::get_if<SnapshotsGoneChange>(&event->change);
        if (change == nullptr) return absl::InternalError("another event");
        all.emplace_back(record.sequence, change->names);
      }
      if (gone->done) return all;
    }
  }

  // All steps until the end.
  absl::StatusOr<DroppedPages> DropAll(uint64_t token, bool dry_run = false,
                                       uint32_t max_pages = 7) {
    DroppedPages all;
    for (int steps = 0; !all.done; ++steps) {
      EXPECT_LT(steps, 10000);
      const auto some = sweeps().DropPages({}, ref_, token, max_pages, dry_run);
      if (!some.ok()) return some.status();
      all.dropped += some->dropped;
      all.dropped_bytes += some->dropped_bytes;
      all.spared += some->spared;
      all.done = some->done;
    }
    return all;
  }

  // A whole sweep with this cut, as maintenance does one.
  absl::StatusOr<EndedSweep> Sweep(uint64_t token, uint64_t cut,
                                   const std::vector<std::string>& leased = {},
                                   DroppedPages* dropped = nullptr) {
    const auto begun = sweeps().BeginSweep({}, ref_, {token, cut});
    if (!begun.ok()) return begun.status();
    const auto gone = ListGone(token);
    if (!gone.ok()) return gone.status();
    const auto marks = MarkSweep(token, leased);
    if (!marks.ok()) return marks.status();
    const auto all = DropAll(token);
    if (!all.ok()) return all.status();
    if (dropped != nullptr) *dropped = *all;
    return sweeps().EndSweep({}, ref_, token, true);
  }

  // Whether the pages of the backup are there.
  absl::Status ReadAll(const PublishedBackup& backup) {
    for (const BuiltArchive& archive : backup.archives) {
      const auto found = sessions().FindEntries(
          {}, {backup.snapshot.name, archive.checkpoint.name}, 0, ~uint64_t{0},
          4096);
      if (!found.ok()) return found.status();
      EXPECT_EQ(found->entries, archive.entries);
    }
    return absl::OkStatus();
  }

  size_t PagesOf(const PublishedBackup& backup) {
    Marks marks;
    Expect(marks, backup, MarkHolder::kListed);
    return static_cast<size_t>(
        std::count_if(marks.begin(), marks.end(), [](const auto& mark) {
          return mark.first.first == RecordKind::kPage;
        }));
  }

  FakeClock clock_{absl::FromUnixSeconds(1795293585)};
  std::mt19937_64 random_;
  std::unique_ptr<IndexUnderTest> index_;
  DatastoreRef ref_;
  MarkProgress progress_;
};

TEST_P(IndexSweepContract, MarksWhatIsListedAndWhatIsInTrash) {
  const PublishedBackup listed = BackUpOnce("web1");
  const PublishedBackup forgotten = BackUpOnce("web1");
  const PublishedBackup leased = BackUpOnce("web2");
  ASSERT_OK(Forget(forgotten));
  ASSERT_OK(Forget(leased, 3 * kTrashTime));
  ASSERT_OK_AND_ASSIGN(const IndexSweep sweep,
                       sweeps().BeginSweep({}, ref_, {5, 4}));
  EXPECT_EQ(sweep.fence, 4u);
  EXPECT_EQ(sweep.listed_count, 1u);
  EXPECT_EQ(sweep.trash_count, 2u);
  EXPECT_EQ(sweep.gone_count, 0u);
  EXPECT_EQ(sweep.open_sessions, 0u);
  EXPECT_EQ(sweep.oldest_session, std::nullopt);
  EXPECT_EQ(sweep.next_trash_end, clock_.Now() + kTrashTime);
  EXPECT_FALSE(sweep.clock_jumped);
  Marks expected;
  Expect(expected, listed, MarkHolder::kListed);
  Expect(expected, forgotten, MarkHolder::kTrash);
  Expect(expected, leased, MarkHolder::kListed);
  for (int round = 0; round < 2; ++round) {
    progress_ = {};
    ASSERT_OK_AND_ASSIGN(const Marks marks,
                         MarkSweep(5, {leased.snapshot.name.ToString()}));
    EXPECT_EQ(marks, expected);
    EXPECT_EQ(progress_.snapshots, 3u);
    EXPECT_EQ(progress_.marks, expected.size());
    EXPECT_EQ(progress_.logical_bytes, listed.snapshot.size_bytes() +
                                           forgotten.snapshot.size_bytes() +
                                           leased.snapshot.size_bytes());
  }
  ASSERT_OK_AND_ASSIGN(const DroppedPages dropped, DropAll(5, true));
  EXPECT_EQ(dropped.dropped, 0u);
  EXPECT_EQ(dropped.spared, 0u);
}

TEST_P(IndexSweepContract, WhatIsOverGoesWithItsPagesAndItsGroup) {
  const PublishedBackup kept = BackUpOnce("web1");
  const PublishedBackup first = BackUpOnce("web2");
  const PublishedBackup second = BackUpOnce("web2");
  ASSERT_OK(Forget(first));
  ASSERT_OK(Forget(second, absl::ZeroDuration()));
  clock_.Advance(kTrashTime);
  ASSERT_OK_AND_ASSIGN(const IndexSweep sweep,
                       sweeps().BeginSweep({}, ref_, {5, 4}));
  EXPECT_EQ(sweep.listed_count, 1u);
  EXPECT_EQ(sweep.trash_count, 0u);
  EXPECT_EQ(sweep.gone_count, 2u);
  EXPECT_EQ(sweep.next_trash_end, std::nullopt);
  // Nothing leads back.
  EXPECT_THAT(Undelete(first), HasReasonCode(reason::kSnapshotGone));
  EXPECT_THAT(catalog().GetSnapshot({}, first.snapshot.name),
              StatusIs(absl::StatusCode::kNotFound));
  // The same events as often as they are asked for, of this view's numbers.
  ASSERT_OK_AND_ASSIGN(const auto gone, ListGone(5));
  ASSERT_EQ(gone.size(), 1u);
  EXPECT_EQ(gone[0].second,
            (std::vector{first.snapshot.name, second.snapshot.name}));
  EXPECT_LE(gone[0].first, sweep.sequence);
  EXPECT_THAT(ListGone(5), IsOkAndHolds(gone));
  Marks expected;
  Expect(expected, kept, MarkHolder::kListed);
  EXPECT_THAT(MarkSweep(5), IsOkAndHolds(expected));
  const size_t garbage = PagesOf(first) + PagesOf(second);
  ASSERT_OK_AND_ASSIGN(const DroppedPages counted, DropAll(5, true));
  EXPECT_EQ(counted.dropped, garbage);
  ASSERT_OK_AND_ASSIGN(const DroppedPages dropped, DropAll(5));
  EXPECT_EQ(dropped.dropped, garbage);
  EXPECT_EQ(dropped.dropped_bytes, counted.dropped_bytes);
  EXPECT_EQ(dropped.spared, 0u);
  for (int again = 0; again < 2; ++again) {
    ASSERT_OK_AND_ASSIGN(const EndedSweep ended,
                         sweeps().EndSweep({}, ref_, 5, true));
    EXPECT_EQ(ended.removed_snapshots, 2u);
    EXPECT_EQ(ended.removed_groups, 1u);
  }
  EXPECT_OK(ReadAll(kept));
  ASSERT_OK_AND_ASSIGN(
      const auto groups,
      catalog().ListGroups({}, {.parent = TestGroup("x").parent}, {}));
  ASSERT_EQ(groups.items.size(), 1u);
  EXPECT_EQ(groups.items[0].name, TestGroup("web1"));
  // Nothing is left, and a group of that name may begin anew.
  ASSERT_OK_AND_ASSIGN(const IndexSweep next,
                       sweeps().BeginSweep({}, ref_, {6, 5}));
  EXPECT_EQ(next.gone_count, 0u);
  EXPECT_OK(sweeps().EndSweep({}, ref_, 6, false));
  EXPECT_OK(ReadAll(BackUpOnce("web2", 5)));
}

TEST_P(IndexSweepContract, WhatALeaseHoldsStaysUntilTheNextSweep) {
  const PublishedBackup backup = BackUpOnce("web1");
  ASSERT_OK(Forget(backup, absl::ZeroDuration()));
  const std::string name = backup.snapshot.name.ToString();
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  ASSERT_OK_AND_ASSIGN(const auto gone, ListGone(5));
  EXPECT_OK(ReadAll(backup)) << "a reader that holds it goes on";
  Marks expected;
  Expect(expected, backup, MarkHolder::kListed);
  EXPECT_THAT(MarkSweep(5, {name}), IsOkAndHolds(expected));
  ASSERT_OK_AND_ASSIGN(const DroppedPages dropped, DropAll(5));
  EXPECT_EQ(dropped.dropped, 0u);
  ASSERT_OK_AND_ASSIGN(const EndedSweep ended,
                       sweeps().EndSweep({}, ref_, 5, true));
  EXPECT_EQ(ended.removed_snapshots, 0u);
  EXPECT_EQ(ended.removed_groups, 0u);
  EXPECT_OK(ReadAll(backup));
  // The reader ends; its event is the same again, since events are for ever.
  ASSERT_OK_AND_ASSIGN(const IndexSweep next,
                       sweeps().BeginSweep({}, ref_, {6, 5}));
  EXPECT_EQ(next.gone_count, 1u);
  EXPECT_THAT(ListGone(6), IsOkAndHolds(gone));
  EXPECT_THAT(MarkSweep(6), IsOkAndHolds(Marks{}));
  ASSERT_OK_AND_ASSIGN(const DroppedPages all, DropAll(6));
  EXPECT_EQ(all.dropped, PagesOf(backup));
  ASSERT_OK_AND_ASSIGN(const EndedSweep end,
                       sweeps().EndSweep({}, ref_, 6, true));
  EXPECT_EQ(end.removed_snapshots, 1u);
  EXPECT_THAT(ReadAll(backup), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(IndexSweepContract, AnUndeletedSnapshotIsKept) {
  const PublishedBackup backup = BackUpOnce("web1");
  ASSERT_OK(Forget(backup));
  clock_.Advance(kTrashTime - absl::Seconds(1));
  ASSERT_OK(Sweep(5, 4));
  ASSERT_OK(Undelete(backup));
  clock_.Advance(kTrashTime);
  DroppedPages dropped;
  ASSERT_OK(Sweep(6, 5, {}, &dropped));
  EXPECT_EQ(dropped.dropped, 0u);
  EXPECT_OK(ReadAll(backup));
}

TEST_P(IndexSweepContract, NothingGoesWhileTheClockIsInDoubt) {
  const PublishedBackup backup = BackUpOnce("web1");
  ASSERT_OK(Forget(backup));
  const absl::Time right = clock_.Now();
  uint64_t token = 5;
  const auto begin = [&](bool confirm) {
    return sweeps().BeginSweep(
        {}, ref_, {.token = ++token, .cut = 1, .confirm_clock = confirm});
  };
  ASSERT_OK_AND_ASSIGN(IndexSweep sweep, begin(false));
  EXPECT_FALSE(sweep.clock_jumped);
  // Ahead, again and again: a time in doubt is no measure for the next.
  for (int round = 0; round < 3; ++round) {
    clock_.SetNow(right + absl::Hours(24 * 365) + round * absl::Hours(1));
    ASSERT_OK_AND_ASSIGN(sweep, begin(false));
    EXPECT_TRUE(sweep.clock_jumped);
    EXPECT_EQ(sweep.gone_count, 0u);
    EXPECT_EQ(sweep.next_trash_end, right + kTrashTime);
  }
  clock_.SetNow(right - absl::Seconds(2));
  ASSERT_OK_AND_ASSIGN(sweep, begin(false));
  EXPECT_TRUE(sweep.clock_jumped);
  // Set right.
  clock_.SetNow(right + absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(sweep, begin(false));
  EXPECT_FALSE(sweep.clock_jumped);
  EXPECT_EQ(sweep.gone_count, 0u);
  // Was off for a month, and somebody says so.
  clock_.SetNow(right + absl::Hours(24 * 30));
  ASSERT_OK_AND_ASSIGN(sweep, begin(false));
  EXPECT_TRUE(sweep.clock_jumped);
  ASSERT_OK_AND_ASSIGN(sweep, begin(true));
  EXPECT_FALSE(sweep.clock_jumped);
  EXPECT_EQ(sweep.gone_count, 1u);
}

TEST_P(IndexSweepContract, AnOpenSessionHoldsWhatItHasWrittenAndMayTakeOver) {
  const PublishedBackup base = BackUpOnce("web1");
  NewSession request = NewIn(TestGroup("web1"), 4);
  request.base = base.snapshot.name;
  ASSERT_OK(sessions().OpenSession({}, request));
  Marks expected;
  // One archive is complete, of another only a part.
  const BuiltArchive complete = BuildArchive("a.img", 30, random_());
  ASSERT_OK(PutArchive(sessions(), request.ref, complete));
  ExpectArchive(expected, complete, MarkHolder::kSession);
  PageTreeBuilder builder{PageCutRule{}};
  const BuiltArchive source = BuildArchive("b.img", 2000, random_());
  for (const PlacedEntry& placed : source.entries) {
    ASSERT_OK(builder.Add(placed.entry));
    if (placed.entry.is_hole) continue;
    Expect(expected, RecordKind::kChunk, placed.entry.digest,
           MarkHolder::kSession);
  }
  const std::vector<EncodedPage> pages = builder.TakePages();
  ASSERT_GT(pages.size(), 3u);
  for (const EncodedPage& page : pages) {
    Expect(expected, RecordKind::kPage, page.id, MarkHolder::kSession);
  }
  ASSERT_OK(PutAllPages(sessions(), request.ref, pages));
  ArchiveCheckpoint part = source.checkpoint;
  part.root.reset();
  part.builder_state = builder.SaveState();
  ASSERT_OK(sessions().SaveCheckpoint({}, request.ref, part, 0));
  // The base is forgotten, and gone by the time of the sweep.
  ASSERT_OK(Forget(base, absl::ZeroDuration()));
  for (const BuiltArchive& archive : base.archives) {
    ExpectArchive(expected, archive, MarkHolder::kSession);
  }
  ASSERT_OK_AND_ASSIGN(const IndexSweep sweep,
                       sweeps().BeginSweep({}, ref_, {5, 4}));
  EXPECT_EQ(sweep.gone_count, 1u);
  EXPECT_EQ(sweep.open_sessions, 1u);
  EXPECT_EQ(
      sweep.oldest_session,
      (SessionName{.datastore = "default", .session = request.ref.session}));
  ASSERT_OK(ListGone(5));
  EXPECT_THAT(MarkSweep(5), IsOkAndHolds(expected));
  ASSERT_OK_AND_ASSIGN(const DroppedPages dropped, DropAll(5));
  EXPECT_EQ(dropped.dropped, 0u);
  ASSERT_OK_AND_ASSIGN(const EndedSweep ended,
                       sweeps().EndSweep({}, ref_, 5, true));
  EXPECT_EQ(ended.removed_snapshots, 1u);
  EXPECT_EQ(ended.removed_groups, 0u);  // the session will publish into it
  // Fenced out, it holds nothing.
  DroppedPages all;
  ASSERT_OK(Sweep(6, 5, {}, &all));
  EXPECT_GT(all.dropped, pages.size());
  EXPECT_EQ(all.spared, 0u);
  EXPECT_THAT(sessions().SaveCheckpoint({}, request.ref, part, 0),
              HasReasonCode(reason::kSessionFenced));
}

TEST_P(IndexSweepContract, APreparedManifestIsHeld) {
  const NewSession request = NewIn(TestGroup("web1"), 4);
  const std::vector<BuiltArchive> archives = {BuildArchive("a.img", 9, 3)};
  ASSERT_OK(sessions().OpenSession({}, request));
  ASSERT_OK(PutArchive(sessions(), request.ref, archives[0]));
  ASSERT_OK_AND_ASSIGN(
      const PreparedPublish prepared,
      sessions().PreparePublish({}, request.ref, RequestFor(archives)));
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  Marks expected;
  ExpectArchive(expected, archives[0], MarkHolder::kSession);
  Expect(expected, RecordKind::kManifest, prepared.manifest.key.digest,
         MarkHolder::kSession);
  EXPECT_THAT(MarkSweep(5), IsOkAndHolds(expected));
}

TEST_P(IndexSweepContract, APageThatIsPromisedMeanwhileStays) {
  const PublishedBackup old = BackUpOnce("web1");
  ASSERT_OK(Forget(old, absl::ZeroDuration()));
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  ASSERT_OK(ListGone(5));
  ASSERT_OK(MarkSweep(5));
  // After the mark a session of the new epoch has the same archives.
  const PublishedBackup again =
      Publish(NewIn(TestGroup("web2"), 5), {old.archives[0]});
  ASSERT_OK_AND_ASSIGN(const DroppedPages dropped, DropAll(5));
  EXPECT_EQ(dropped.spared, PagesOf(again));
  EXPECT_EQ(dropped.dropped, PagesOf(old) - PagesOf(again));
  EXPECT_OK(ReadAll(again));
  ASSERT_OK(sweeps().EndSweep({}, ref_, 5, true));
  // What was dropped is found missing, and stored.
  EXPECT_OK(ReadAll(Publish(NewIn(TestGroup("web3"), 5), {old.archives[1]})));
}

TEST_P(IndexSweepContract, AHigherTokenEndsASweepAndALowerOneIsRefused) {
  EXPECT_THAT(sweeps().BeginSweep({}, ref_, {0, 1}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  ASSERT_OK(MarkSweep(5));
  EXPECT_THAT(sweeps().BeginSweep({}, ref_, {4, 4}),
              HasReasonCode(reason::kStaleToken));
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {6, 4}));
  EXPECT_THAT(MarkSweep(5), HasReasonCode(reason::kSweepLost));
  EXPECT_THAT(ListGone(5), HasReasonCode(reason::kSweepLost));
  EXPECT_THAT(DropAll(5), HasReasonCode(reason::kSweepLost));
  EXPECT_THAT(sweeps().EndSweep({}, ref_, 5, true),
              HasReasonCode(reason::kSweepLost));
  EXPECT_OK(sweeps().EndSweep({}, ref_, 5, false));
  EXPECT_OK(MarkSweep(6));
  DatastoreRef other = ref_;
  ++other.generation;
  EXPECT_THAT(sweeps().BeginSweep({}, other, {7, 4}),
              HasReasonCode(reason::kGenerationMismatch));
  EXPECT_OK(sweeps().EndSweep({}, ref_, 6, false));
  EXPECT_THAT(MarkSweep(6), HasReasonCode(reason::kSweepLost));
}

TEST_P(IndexSweepContract, NothingIsDroppedBeforeItsTurn) {
  const PublishedBackup backup = BackUpOnce("web1");
  ASSERT_OK(Forget(backup, absl::ZeroDuration()));
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  EXPECT_THAT(sweeps().DropPages({}, ref_, 5, 10, true),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(sweeps().EndSweep({}, ref_, 5, true),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(MarkSweep(5));
  EXPECT_OK(sweeps().DropPages({}, ref_, 5, 10, true));
  // The packs do not know yet that it is gone.
  EXPECT_THAT(sweeps().DropPages({}, ref_, 5, 10, false),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  // Nor does whoever begins in the middle.
  ASSERT_OK(sweeps().ListGoneEvents({}, ref_, 5, 1000));
  EXPECT_THAT(sweeps().EndSweep({}, ref_, 5, true),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  ASSERT_OK(ListGone(5));
  for (const uint32_t pages : {0u, 1'000'001u}) {
    EXPECT_THAT(sweeps().DropPages({}, ref_, 5, pages, false),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  ASSERT_OK_AND_ASSIGN(const DroppedPages dropped, DropAll(5, false, 1));
  EXPECT_EQ(dropped.dropped, PagesOf(backup));
  EXPECT_OK(sweeps().EndSweep({}, ref_, 5, true));
}

TEST_P(IndexSweepContract, APlanChangesNothing) {
  const NewSession old = NewIn(TestGroup("web2"), 1);
  ASSERT_OK(sessions().OpenSession({}, old));
  const PublishedBackup backup = BackUpOnce("web1");
  ASSERT_OK(Forget(backup, absl::ZeroDuration()));
  ASSERT_OK_AND_ASSIGN(
      const IndexSweep sweep,
      sweeps().BeginSweep({}, ref_,
                          {.token = 5, .cut = 4, .validate_only = true}));
  EXPECT_EQ(sweep.fence, 0u);
  EXPECT_EQ(sweep.trash_count, 1u);
  EXPECT_EQ(sweep.gone_count, 0u);
  EXPECT_TRUE(sweep.next_trash_end.has_value());
  ASSERT_OK(ListGone(5));
  ASSERT_OK(MarkSweep(5));
  const PublishedBackup garbage = BackUpOnce("web3");
  ASSERT_OK(DropAll(5));
  ASSERT_OK_AND_ASSIGN(const EndedSweep ended,
                       sweeps().EndSweep({}, ref_, 5, true));
  EXPECT_EQ(ended.removed_snapshots, 0u);
  EXPECT_OK(ReadAll(backup));
  EXPECT_OK(ReadAll(garbage));
  EXPECT_OK(Undelete(backup));
  EXPECT_OK(PutArchive(sessions(), old.ref, backup.archives[0]));
}

TEST_P(IndexSweepContract, ManySnapshotsGoInBatchesWithAnEventEach) {
  constexpr int kSnapshots = 30;
  const BuiltArchive archive = BuildArchive("a.img", 3, 1);
  std::vector<SnapshotName> names;
  for (int i = 0; i < kSnapshots; ++i) {
    names.push_back(
        Publish(NewIn(TestGroup(absl::StrCat("web", i % 7))), {archive})
            .snapshot.name);
  }
  ASSERT_OK(Change(ForgetSnapshotsChange{.datastore = "default",
                                         .names = names,
                                         .trash_time = absl::ZeroDuration()}));
  ASSERT_OK_AND_ASSIGN(const IndexSweep sweep,
                       sweeps().BeginSweep({}, ref_, {5, 4}));
  EXPECT_EQ(sweep.gone_count, static_cast<uint64_t>(kSnapshots));
  ASSERT_OK_AND_ASSIGN(const auto gone, ListGone(5));
  std::vector<SnapshotName> told;
  for (const auto& [sequence, some] : gone) {
    told.insert(told.end(), some.begin(), some.end());
  }
  std::sort(told.begin(), told.end());
  std::sort(names.begin(), names.end());
  EXPECT_EQ(told, names);
  ASSERT_OK(MarkSweep(5));
  ASSERT_OK(DropAll(5));
  ASSERT_OK_AND_ASSIGN(const EndedSweep ended,
                       sweeps().EndSweep({}, ref_, 5, true));
  EXPECT_EQ(ended.removed_snapshots, static_cast<uint64_t>(kSnapshots));
  EXPECT_EQ(ended.removed_groups, 7u);
  ASSERT_OK_AND_ASSIGN(const auto counted,
                       catalog().GetStatistics({}, "default"));
  EXPECT_EQ(counted.snapshot_count, 0u);
  EXPECT_EQ(counted.trash_count, 0u);
  EXPECT_EQ(counted.trash_bytes, 0u);
}

TEST_P(IndexSweepContract, AScopeIsMarkedAlone) {
  const PublishedBackup first = BackUpOnce("web1");
  const PublishedBackup second = BackUpOnce("web1");
  const PublishedBackup other = BackUpOnce("web2");
  ASSERT_OK(Forget(second));
  const NamespaceName root = TestGroup("x").parent;
  const auto expected = [&](const std::vector<const PublishedBackup*>& all,
                            MarkHolder holder = MarkHolder::kListed) {
    Marks marks;
    for (const PublishedBackup* backup : all) Expect(marks, *backup, holder);
    return marks;
  };
  EXPECT_THAT(MarkScope({.parent = root}),
              IsOkAndHolds(expected({&first, &other})));
  EXPECT_EQ(progress_.snapshots, 2u);
  EXPECT_THAT(MarkScope({.parent = root, .group = TestGroup("web1")}),
              IsOkAndHolds(expected({&first})));
  EXPECT_THAT(MarkScope({.parent = root,
                         .published_before = other.snapshot.publish_time}),
              IsOkAndHolds(expected({&first})));
  EXPECT_THAT(MarkScope({.parent = root, .names = {second.snapshot.name}}),
              IsOkAndHolds(Marks{}));
  EXPECT_THAT(
      MarkScope(
          {.parent = root, .names = {second.snapshot.name}, .trash = true}),
      IsOkAndHolds(expected({&second}, MarkHolder::kTrash)));
  EXPECT_THAT(MarkScope({.parent = {.datastore = "other"}}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(IndexSweepContract, FindsWhatRefersToLostRecords) {
  std::vector<PublishedBackup> backups;
  for (int i = 0; i < 6; ++i) {
    backups.push_back(BackUpOnce(absl::StrCat("web", i % 2)));
  }
  const NamespaceName root = TestGroup("x").parent;
  for (int round = 0; round < 10; ++round) {
    // Some chunks of some of them, by chance next to each other.
    std::map<uint64_t, bool> lost;
    for (int i = 0; i < 6; ++i) {
      const auto& entries =
          backups[random_() % backups.size()].archives[0].entries;
      const size_t at = random_() % entries.size();
      for (size_t k = at; k < std::min(at + 2, entries.size()); ++k) {
        if (!entries[k].entry.is_hole) {
          lost[MarkPrefix(entries[k].entry.digest)] = true;
        }
      }
    }
    MarkRun run{.kind = RecordKind::kChunk, .domain = {}, .marks = {}};
    for (const auto& [prefix, yes] : lost) {
      run.marks.push_back({.prefix = prefix});
    }
    std::map<SnapshotName, std::pair<std::vector<DamagedRange>, uint64_t>>
        expected;
    for (const PublishedBackup& backup : backups) {
      for (const BuiltArchive& archive : backup.archives) {
        for (const PlacedEntry& placed : archive.entries) {
          if (placed.entry.is_hole ||
              !lost.contains(MarkPrefix(placed.entry.digest))) {
            continue;
          }
          auto& [ranges, bytes] = expected[backup.snapshot.name];
          const uint64_t length = placed.entry.total_length();
          bytes += length;
          if (!ranges.empty() &&
              ranges.back().archive == archive.checkpoint.name &&
              ranges.back().offset + ranges.back().length == placed.offset) {
            ranges.back().length += length;
          } else {
            ranges.push_back({archive.checkpoint.name, placed.offset, length});
          }
        }
      }
    }
    std::map<SnapshotName, std::pair<std::vector<DamagedRange>, uint64_t>>
        found;
    ASSERT_OK(sweeps().FindReferences(
        {}, ref_, {.parent = root}, {run}, 10000,
        [&](const DamagedSnapshot& damaged) {
          found[damaged.name] = {damaged.ranges, damaged.damaged_bytes};
        }));
    EXPECT_EQ(found, expected);
    // Fewer ranges are told, all bytes counted.
    ASSERT_OK(sweeps().FindReferences(
        {}, ref_, {.parent = root}, {run}, 1,
        [&](const DamagedSnapshot& damaged) {
          EXPECT_EQ(damaged.ranges.size(), 1u);
          EXPECT_EQ(damaged.damaged_bytes, expected[damaged.name].second);
        }));
  }
}

TEST_P(IndexSweepContract, FindsLostPagesAndManifests) {
  const PublishedBackup backup = BackUpOnce("web1");
  BackUpOnce("web2");
  const SnapshotScope scope{.parent = TestGroup("x").parent};
  const auto find = [&](RecordKind kind, const Digest& digest) {
    std::vector<DamagedSnapshot> found;
    EXPECT_OK(sweeps().FindReferences(
        {}, ref_, scope,
        {{.kind = kind, .domain = {}, .marks = {{MarkPrefix(digest)}}}}, 10,
        [&](const DamagedSnapshot& damaged) { found.push_back(damaged); }));
    return found;
  };
  const BuiltArchive& archive = backup.archives[0];
  const PageRoot& root = *archive.checkpoint.root;
  auto found = find(RecordKind::kPage, root.page);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].name, backup.snapshot.name);
  EXPECT_EQ(found[0].ranges,
            (std::vector<DamagedRange>{{"a.img", 0, root.size_bytes}}));
  EXPECT_EQ(found[0].damaged_bytes, root.size_bytes - root.hole_bytes);
  found = find(RecordKind::kManifest, backup.manifest);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_TRUE(found[0].ranges.empty());
  EXPECT_EQ(found[0].damaged_bytes, 0u);
  for (const uint32_t ranges : {0u, 10001u}) {
    EXPECT_THAT(sweeps().FindReferences({}, ref_, scope, {}, ranges,
                                        [](const DamagedSnapshot&) {}),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_P(IndexSweepContract, AVerificationIsRemembered) {
  const PublishedBackup backup = BackUpOnce("web1");
  const PublishedBackup gone = BackUpOnce("web2");
  ASSERT_OK(Forget(gone, absl::ZeroDuration()));
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  Verification verification{.state = VerifyState::kFailed,
                            .time = clock_.Now(),
                            .task = Uuid::Random(random_),
                            .damage = {{"a.img", 5, 7}, {"b.img", 0, 9}},
                            .damaged_bytes = 20};
  ASSERT_OK(sweeps().SaveVerifications({}, ref_,
                                       {{backup.snapshot.name, verification},
                                        {gone.snapshot.name, verification}}));
  ASSERT_OK_AND_ASSIGN(Snapshot snapshot,
                       catalog().GetSnapshot({}, backup.snapshot.name));
  EXPECT_EQ(snapshot.verification.state, VerifyState::kFailed);
  EXPECT_EQ(snapshot.verification.time, verification.time);
  EXPECT_EQ(snapshot.verification.task, verification.task);
  EXPECT_EQ(snapshot.verification.damage, verification.damage);
  EXPECT_EQ(snapshot.verification.damaged_bytes, 20u);
  // What an earlier one has found comes too late.
  Verification earlier{.state = VerifyState::kOk,
                       .time = verification.time - absl::Seconds(1),
                       .task = Uuid::Random(random_)};
  ASSERT_OK(
      sweeps().SaveVerifications({}, ref_, {{backup.snapshot.name, earlier}}));
  ASSERT_OK_AND_ASSIGN(snapshot,
                       catalog().GetSnapshot({}, backup.snapshot.name));
  EXPECT_EQ(snapshot.verification.state, VerifyState::kFailed);
  EXPECT_THAT(sweeps().SaveVerifications({}, ref_, {}),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(IndexSweepContract, LeasedNamesMustBeNames) {
  ASSERT_OK(sweeps().BeginSweep({}, ref_, {5, 4}));
  EXPECT_THAT(MarkSweep(5, {"no name"}),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(
      MarkSweep(5, std::vector<std::string>(
                       10001, SnapshotName{TestGroup("a"), 1}.ToString())),
      StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace cairn
