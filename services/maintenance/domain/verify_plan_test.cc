#include "services/maintenance/domain/verify_plan.h"

#include <array>
#include <optional>
#include <vector>

#include "gtest/gtest.h"
#include "services/maintenance/domain/bad_records.h"
#include "services/maintenance/domain/gc_later.h"

namespace cairn::maintenance {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1800000000);

absl::Time DaysAgo(int days) { return kNow - absl::Hours(24) * days; }

PackProof Pack(uint32_t number, std::optional<absl::Time> proof_time,
               uint64_t marked_bytes = 100) {
  return {.number = number,
          .file_bytes = 200,
          .marked_records = marked_bytes / 10,
          .marked_bytes = marked_bytes,
          .proof_time = proof_time};
}

std::vector<uint32_t> Numbers(const VerifyPlan& plan) {
  std::vector<uint32_t> numbers;
  for (const VerifyStep& step : plan.steps) numbers.push_back(step.number);
  return numbers;
}

TEST(VerifyPlanTest, TheOldestProofComesFirstAndNoneBeforeAll) {
  const std::vector packs = {Pack(1, DaysAgo(1)), Pack(2, DaysAgo(9)),
                             Pack(3, std::nullopt), Pack(4, DaysAgo(5)),
                             Pack(5, std::nullopt, 0)};
  const VerifyPlan plan = PlanVerify(packs, {});
  EXPECT_EQ(Numbers(plan), (std::vector<uint32_t>{3, 2, 4, 1}));
  EXPECT_EQ(plan.bytes, 400u);
  EXPECT_TRUE(plan.complete);
}

TEST(VerifyPlanTest, PassesOverWhatWasProvedSince) {
  const std::vector packs = {Pack(1, DaysAgo(1)), Pack(2, DaysAgo(9)),
                             Pack(3, std::nullopt)};
  const VerifyPlan plan = PlanVerify(packs, {.proved_since = DaysAgo(7)});
  EXPECT_EQ(Numbers(plan), (std::vector<uint32_t>{3, 2}));
  EXPECT_TRUE(plan.complete);
}

TEST(VerifyPlanTest, LimitsEndItButNeverBeforeOnePack) {
  const std::vector packs = {Pack(1, DaysAgo(1)), Pack(2, DaysAgo(9)),
                             Pack(3, std::nullopt)};
  VerifyPlan plan = PlanVerify(packs, {.max_bytes = 250});
  EXPECT_EQ(Numbers(plan), (std::vector<uint32_t>{3, 2}));
  EXPECT_FALSE(plan.complete);
  plan = PlanVerify(packs, {.max_bytes = 1});
  EXPECT_EQ(Numbers(plan), std::vector<uint32_t>{3});
  // Of 600 bytes in files.
  plan = PlanVerify(packs, {.max_share_permille = 400});
  EXPECT_EQ(plan.steps.size(), 1u);
}

TEST(VerifyPlanTest, CountsTheDebt) {
  VerifyDebt debt =
      CountDebt(std::vector{Pack(1, DaysAgo(1)), Pack(2, DaysAgo(8))}, kNow);
  EXPECT_EQ(debt.pack_bytes, 400u);
  EXPECT_EQ(debt.never_proved_bytes, 0u);
  EXPECT_EQ(debt.oldest_proof, DaysAgo(8));
  EXPECT_EQ(debt.proved_bytes,
            (std::array<uint64_t, 5>{200, 200, 400, 400, 400}));
  debt =
      CountDebt(std::vector{Pack(1, DaysAgo(1)), Pack(2, std::nullopt)}, kNow);
  EXPECT_EQ(debt.never_proved_bytes, 200u);
  EXPECT_FALSE(debt.oldest_proof.has_value());
  EXPECT_FALSE(CountDebt({}, kNow).oldest_proof.has_value());
}

RecordKey Key(RecordKind kind, uint8_t prefix) {
  RecordKey key{.kind = kind};
  key.digest.bytes[7] = prefix;
  return key;
}

TEST(BadRecordsTest, KeepsEachOnceAndInOrder) {
  BadRecords bad(3);
  bad.Add(Key(RecordKind::kPage, 1));
  bad.Add(Key(RecordKind::kChunk, 9));
  bad.Add({.kind = RecordKind::kChunk, .marks = {{9}, {4}}});
  bad.Add(Key(RecordKind::kEvent, 5));
  EXPECT_EQ(bad.size(), 3u);
  EXPECT_FALSE(bad.full());
  const auto all = bad.Parts(100);
  ASSERT_EQ(all.size(), 1u);
  ASSERT_EQ(all[0].size(), 2u);
  EXPECT_EQ(all[0][0].marks, (std::vector<Mark>{{4}, {9}}));
  EXPECT_EQ(all[0][1].kind, RecordKind::kPage);
  EXPECT_EQ(bad.Parts(2).size(), 2u);
  EXPECT_EQ(bad.Parts(1).size(), 3u);
  bad.Add(Key(RecordKind::kPage, 2));
  EXPECT_TRUE(bad.full());
  EXPECT_EQ(bad.size(), 3u);
}

TEST(GcLaterTest, CountsNoByteTwiceAndLeavesOutNothing) {
  HeldBytes held = {.trash_bytes = 1, .session_bytes = 2, .spared_bytes = 4};
  EXPECT_EQ(ListLater(held).size(), 2u);
  EXPECT_EQ(ListLater(held)[1].bytes, 2u)
      << "nobody holds back the cut: the next sweep takes it";
  held.oldest_session = "s";
  EXPECT_EQ(ListLater(held)[1].bytes, 6u);
  EXPECT_EQ(ListLater(held)[1].holder, "s");
  EXPECT_TRUE(ListLater({}).empty());
}

}  // namespace
}  // namespace cairn::maintenance
