#include "services/maintenance/domain/lease_table.h"

#include <string>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/maintenance/domain/lease_rules.h"

namespace cairn::maintenance {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kDatastore[] = "datastores/main";
constexpr char kSweep[] = "datastores/main/sweep";
constexpr char kGroup[] = "datastores/main/groups/host/web1";
constexpr char kOtherGroup[] = "datastores/main/groups/host/web2";
constexpr char kSnapshot[] =
    "datastores/main/groups/host/web1/snapshots/2026-11-21T20:39:45Z";

constexpr LeaseMode kShared = LeaseMode::kShared;
constexpr LeaseMode kExclusive = LeaseMode::kExclusive;

Uuid Id(uint8_t n) {
  Uuid id;
  id.bytes[0] = n;
  return id;
}

LeaseEntry Entry(uint8_t n, std::vector<LeaseClaim> claims,
                 uint64_t epoch = 1) {
  LeaseEntry entry;
  entry.lease.id = Id(n);
  entry.lease.datastore = "main";
  entry.lease.claims = std::move(claims);
  entry.lease.holder = absl::StrCat("holder-", n);
  entry.lease.start_epoch = epoch;
  entry.lease.start_time = absl::FromUnixSeconds(1000 + n);
  entry.lease.ttl = absl::Seconds(60);
  entry.deadline = absl::Seconds(100 + n);
  return entry;
}

struct ConflictRow {
  LeaseClaim held;
  LeaseClaim wanted;
  bool conflict;
};

TEST(LeaseTableTest, WhichClaimsExcludeEachOther) {
  const std::vector<ConflictRow> rows = {
      {{kGroup, kExclusive}, {kGroup, kExclusive}, true},
      {{kGroup, kExclusive}, {kGroup, kShared}, true},
      {{kGroup, kShared}, {kGroup, kShared}, false},
      {{kGroup, kExclusive}, {kOtherGroup, kExclusive}, false},
      {{kGroup, kExclusive}, {kSnapshot, kShared}, false},
      {{kGroup, kExclusive}, {kDatastore, kShared}, false},
      {{kGroup, kExclusive}, {kDatastore, kExclusive}, true},
      {{kGroup, kExclusive}, {kSweep, kExclusive}, false},
      {{kSnapshot, kShared}, {kSnapshot, kShared}, false},
      {{kSnapshot, kShared}, {kSnapshot, kExclusive}, true},
      {{kSnapshot, kShared}, {kDatastore, kExclusive}, true},
      {{kSweep, kExclusive}, {kSweep, kExclusive}, true},
      {{kSweep, kExclusive}, {kDatastore, kExclusive}, true},
      {{kDatastore, kExclusive}, {kDatastore, kExclusive}, true},
      {{kDatastore, kShared}, {kDatastore, kShared}, false},
  };
  for (const ConflictRow& row : rows) {
    for (const bool swapped : {false, true}) {
      LeaseTable table("main");
      table.Put(Entry(1, {swapped ? row.wanted : row.held}));
      const Lease wanted = Entry(2, {swapped ? row.held : row.wanted}).lease;
      EXPECT_EQ(table.CheckFree(wanted).ok(), !row.conflict)
          << row.held.resource << " and " << row.wanted.resource;
      table.Expire(absl::Seconds(1000));
      EXPECT_THAT(table.CheckFree(wanted), IsOk())
          << "an expired lease excludes nobody";
      EXPECT_EQ(table.FindExpiredRivals(wanted).size(), row.conflict ? 1u : 0u);
    }
  }
}

TEST(LeaseTableTest, TheErrorNamesTheLeaseInTheWayAndItsStart) {
  LeaseTable table("main");
  table.Put(Entry(1, {{kOtherGroup, kExclusive}}));
  table.Put(Entry(2, {{kGroup, kExclusive}}));
  const absl::Status status =
      table.CheckFree(Entry(3, {{kGroup, kExclusive}}).lease);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition,
                               ::testing::AllOf(
                                   HasSubstr(Id(2).ToString()),
                                   HasSubstr("holder-2"), HasSubstr(kGroup),
                                   HasSubstr("1970-01-01T00:16:42"))));
  EXPECT_THAT(status, HasReasonCode(reason::kLeaseHeld));
  EXPECT_EQ(ReasonOf(status)->metadata.at("lease"), Id(2).ToString());
}

TEST(LeaseTableTest, NothingStaysHeldWhenTheLastGoes) {
  LeaseTable table("main");
  table.Put(Entry(1, {{kGroup, kExclusive}, {kSnapshot, kShared}}));
  table.Put(Entry(2, {{kSnapshot, kShared}}));
  EXPECT_EQ(table.holders(kSnapshot), (HolderCounts{.shared = 2}));
  EXPECT_EQ(table.holders(kDatastore), (HolderCounts{.shared = 2}));
  EXPECT_EQ(table.holders(kGroup), (HolderCounts{.exclusive = 1}));
  EXPECT_EQ(table.live_count(), 2u);
  EXPECT_EQ(table.live_count(LeasePurpose::kBackup), 2u);

  EXPECT_TRUE(table.Remove(Id(1)));
  EXPECT_FALSE(table.Remove(Id(1)));
  EXPECT_EQ(table.holders(kSnapshot), (HolderCounts{.shared = 1}));
  EXPECT_TRUE(table.Remove(Id(2)));
  for (const char* resource : {kSnapshot, kDatastore, kGroup}) {
    EXPECT_EQ(table.holders(resource), HolderCounts{}) << resource;
  }
  EXPECT_EQ(table.live_count(), 0u);
  EXPECT_EQ(table.live_count(LeasePurpose::kBackup), 0u);
  EXPECT_EQ(table.OldestStart(), std::nullopt);
}

TEST(LeaseTableTest, PutInThePlaceOfALeaseCountsItOnce) {
  LeaseTable table("main");
  table.Put(Entry(1, {{kGroup, kExclusive}}));
  LeaseEntry later = Entry(1, {{kGroup, kExclusive}});
  later.deadline = absl::Seconds(500);
  table.Put(later);
  EXPECT_EQ(table.live_count(), 1u);
  EXPECT_THAT(table.Expire(absl::Seconds(499)), IsEmpty());
  EXPECT_THAT(table.Expire(absl::Seconds(500)), ElementsAre(Id(1)));
  EXPECT_THAT(table.Expire(absl::Seconds(500)), IsEmpty());
}

TEST(LeaseTableTest, ExpiryReleasesAndKeepsTheEntry) {
  LeaseTable table("main");
  table.Put(Entry(1, {{kGroup, kExclusive}}, 3));
  table.Put(Entry(2, {{kOtherGroup, kExclusive}}, 4));
  EXPECT_THAT(table.Expire(absl::Seconds(101)), ElementsAre(Id(1)));
  EXPECT_EQ(table.live_count(), 1u);
  EXPECT_EQ(table.OldestStart(), absl::FromUnixSeconds(1002));
  EXPECT_EQ(table.OldestExpired(), Id(1));
  ASSERT_NE(table.Find(Id(1)), nullptr);
  EXPECT_EQ(table.Find(Id(1))->phase, LeasePhase::kExpired);
  EXPECT_THAT(table.FindExpiredBelow(3), IsEmpty());
  EXPECT_THAT(table.FindExpiredBelow(4), ElementsAre(Id(1)));
  EXPECT_THAT(table.FindExpiredRivals(Entry(1, {{kGroup, kExclusive}}).lease),
              IsEmpty())
      << "a lease is no rival of itself";
}

TEST(LeaseTableTest, APendingLeaseIsAGuard) {
  LeaseTable table("main");
  LeaseEntry pending = Entry(1, {{kSnapshot, kShared}});
  pending.phase = LeasePhase::kPending;
  table.Put(pending);
  EXPECT_EQ(table.live_count(), 1u);
  EXPECT_THAT(table.CheckFree(Entry(2, {{kDatastore, kExclusive}}).lease),
              HasReasonCode(reason::kLeaseHeld));
}

TEST(LeaseTableTest, TheCutIsTheLeastEpochOfThoseWhoMayWrite) {
  LeaseTable table("main");
  EXPECT_THAT(table.Cut(9), IsOkAndHolds(9u));
  table.Put(Entry(1, {{kGroup, kExclusive}}, 5));
  table.Put(Entry(2, {{kOtherGroup, kExclusive}}, 4));
  LeaseEntry reader = Entry(3, {{kSnapshot, kShared}}, 1);
  reader.lease.purpose = LeasePurpose::kRestore;
  table.Put(reader);
  EXPECT_THAT(table.Cut(9), IsOkAndHolds(4u));
  table.Expire(absl::Seconds(102));
  EXPECT_THAT(table.Cut(9), IsOkAndHolds(9u)) << "both writers have expired";
}

TEST(LeaseTableTest, NoCutWhileAStartIsUnknown) {
  LeaseTable table("main");
  LeaseEntry entry = Entry(1, {{kSnapshot, kShared}}, 0);
  entry.lease.purpose = LeasePurpose::kRestore;
  table.Put(entry);
  EXPECT_THAT(table.Cut(9), StatusIs(absl::StatusCode::kFailedPrecondition,
                                     HasSubstr(Id(1).ToString())));
  table.Remove(Id(1));
  EXPECT_THAT(table.Cut(9), IsOkAndHolds(9u));
}

TEST(LeaseTableTest, ListsOldestFirstInPages) {
  LeaseTable table("main");
  for (const uint8_t n : {3, 1, 2}) {
    table.Put(Entry(n, {{kDatastore, kShared}}));
  }
  const auto first = table.List(std::nullopt, 2);
  ASSERT_EQ(first.size(), 2u);
  EXPECT_EQ(first[0]->lease.id, Id(1));
  EXPECT_EQ(first[1]->lease.id, Id(2));
  const auto rest = table.List(LeaseTable::PositionOf(first[1]->lease), 2);
  ASSERT_EQ(rest.size(), 1u);
  EXPECT_EQ(rest[0]->lease.id, Id(3));
}

}  // namespace
}  // namespace cairn::maintenance
