#include "common/catalog/snapshot_fate.h"

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

#include "common/testing/seed.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

struct Row {
  SnapshotState state = SnapshotState::kListed;
  bool is_protected = false;
  uint64_t protected_sequence = 0;
  uint64_t state_sequence = 0;
  absl::Time trash_time;
  absl::Time trash_until;
};

constexpr absl::Duration kWeek = absl::Hours(24 * 7);
absl::Time At(int64_t seconds) { return absl::FromUnixSeconds(seconds); }

enum class Kind { kForget, kUndelete, kProtect, kUnprotect };
struct Change {
  Kind kind = Kind::kForget;
  uint64_t sequence = 0;
};

void Apply(const Change& change, Row& row) {
  const absl::Time time = At(static_cast<int64_t>(change.sequence));
  switch (change.kind) {
    case Kind::kForget:
      ForgetAt(change.sequence, time, kWeek, row);
      return;
    case Kind::kUndelete:
      UndeleteAt(change.sequence, row);
      return;
    case Kind::kProtect:
      ProtectAt(change.sequence, true, row);
      return;
    case Kind::kUnprotect:
      ProtectAt(change.sequence, false, row);
      return;
  }
}

// Whether index would number this change of a snapshot that is as `row` says.
bool MayPrepare(Kind kind, const Row& row) {
  switch (kind) {
    case Kind::kForget:
      return !row.is_protected;
    case Kind::kUndelete:
      return true;
    case Kind::kProtect:
    case Kind::kUnprotect:
      break;
  }
  return row.state == SnapshotState::kListed;
}

TEST(SnapshotFateTest, ForgetAndUndelete) {
  Row row;
  EXPECT_TRUE(ForgetAt(5, At(100), kWeek, row));
  EXPECT_EQ(row.state, SnapshotState::kTrash);
  EXPECT_EQ(row.trash_time, At(100));
  EXPECT_EQ(row.trash_until, At(100) + kWeek);
  EXPECT_FALSE(ForgetAt(5, At(200), kWeek, row)) << "once is enough";
  EXPECT_TRUE(ForgetAt(6, At(300), absl::ZeroDuration(), row));
  EXPECT_EQ(row.trash_until, At(100) + kWeek) << "passed over";
  EXPECT_TRUE(UndeleteAt(7, row));
  EXPECT_EQ(row.state, SnapshotState::kListed);
  EXPECT_EQ(row.trash_until, absl::Time());
  EXPECT_FALSE(ForgetAt(6, At(300), kWeek, row)) << "overtaken";
  EXPECT_EQ(row.state, SnapshotState::kListed);
}

TEST(SnapshotFateTest, ProtectWinsOverAForgetWhicheverCameFirst) {
  Row row;
  ForgetAt(5, At(1), kWeek, row);
  EXPECT_TRUE(ProtectAt(6, true, row));
  EXPECT_EQ(row.state, SnapshotState::kListed);
  EXPECT_TRUE(row.is_protected);
  row = Row();
  ForgetAt(6, At(1), kWeek, row);
  EXPECT_TRUE(ProtectAt(5, true, row));
  EXPECT_EQ(row.state, SnapshotState::kListed);
  row = Row();
  ProtectAt(5, true, row);
  EXPECT_FALSE(ForgetAt(6, At(1), kWeek, row));
  EXPECT_EQ(row.state, SnapshotState::kListed);
  // An end of protection that a forget has overtaken protects nothing.
  row = Row();
  ForgetAt(6, At(1), kWeek, row);
  ProtectAt(5, false, row);
  EXPECT_EQ(row.state, SnapshotState::kTrash);
}

TEST(SnapshotFateTest, GoneIsTheEnd) {
  Row row;
  row.state = SnapshotState::kGone;
  row.state_sequence = 5;
  EXPECT_FALSE(ForgetAt(6, At(1), kWeek, row));
  EXPECT_FALSE(UndeleteAt(7, row));
  EXPECT_FALSE(ProtectAt(8, true, row));
  EXPECT_EQ(row.state, SnapshotState::kGone);
}

// Numbers changes as index does, with two at most in flight, and commits them
// in any order.
TEST(SnapshotFateTest, TwoInFlightEndAsTheirNumbersSay) {
  std::mt19937_64 random(TestSeed());
  for (int round = 0; round < 20000; ++round) {
    Row live;
    std::vector<Change> numbered;
    std::vector<Change> in_flight;
    uint64_t next = 1;
    const size_t count = 1 + random() % 8;
    while (numbered.size() < count || !in_flight.empty()) {
      const bool prepare = numbered.size() < count && in_flight.size() < 2 &&
                           (in_flight.empty() || random() % 2 == 0);
      if (prepare) {
        const Kind kind = static_cast<Kind>(random() % 4);
        if (!MayPrepare(kind, live)) continue;
        numbered.push_back({.kind = kind, .sequence = next++});
        in_flight.push_back(numbered.back());
        continue;
      }
      const size_t i = random() % in_flight.size();
      Apply(in_flight[i], live);
      if (random() % 4 == 0) Apply(in_flight[i], live);  // asked twice
      in_flight.erase(in_flight.begin() + static_cast<ptrdiff_t>(i));
    }
    Row replayed;
    for (const Change& change : numbered) Apply(change, replayed);
    ASSERT_EQ(live.state, replayed.state) << "round " << round;
    ASSERT_EQ(live.is_protected, replayed.is_protected) << "round " << round;
    ASSERT_FALSE(live.is_protected && live.state != SnapshotState::kListed);
  }
}

}  // namespace
}  // namespace cairn
