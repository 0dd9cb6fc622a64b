#include "services/maintenance/domain/gc_plan.h"

#include <algorithm>
#include <random>
#include <vector>

#include "common/pack/pack_format.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::maintenance {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;

// A pack of `records` records of 1 MiB of which `kept` stay.
PackUse Pack(uint32_t number, uint64_t records, uint64_t kept) {
  return {.number = number,
          .file_bytes = PackFileBytes(records, records * kMiB),
          .records = records,
          .record_bytes = records * kMiB,
          .kept_records = kept,
          .kept_bytes = kept * kMiB};
}

std::vector<uint32_t> Numbers(const std::vector<PackStep>& steps) {
  std::vector<uint32_t> numbers;
  for (const PackStep& step : steps) numbers.push_back(step.number);
  return numbers;
}

// Carries a plan out. False: it was empty.
bool Carry(const GcPlan& plan, std::vector<PackUse>& packs) {
  const std::vector<uint32_t> dropped = Numbers(plan.drop);
  const std::vector<uint32_t> compacted = Numbers(plan.compact);
  PackUse together = {.number = static_cast<uint32_t>(1000 + packs.size())};
  std::erase_if(packs, [&](const PackUse& pack) {
    if (std::count(compacted.begin(), compacted.end(), pack.number) > 0) {
      together.records = together.kept_records += pack.kept_records;
      together.record_bytes = together.kept_bytes += pack.kept_bytes;
      return true;
    }
    return std::count(dropped.begin(), dropped.end(), pack.number) > 0;
  });
  if (together.records > 0) {
    together.file_bytes =
        PackFileBytes(together.records, together.record_bytes);
    packs.push_back(together);
  }
  return !dropped.empty() || !compacted.empty();
}

TEST(GcPlanTest, DropsPacksOfWhichNothingStays) {
  const GcPlan plan = PlanGc(std::vector{Pack(1, 100, 0), Pack(2, 100, 100)},
                             {.live_percent = 80});
  EXPECT_EQ(Numbers(plan.drop), std::vector<uint32_t>{1});
  EXPECT_TRUE(plan.compact.empty());
  EXPECT_EQ(plan.freed_bytes, PackFileBytes(100, 100 * kMiB));
  EXPECT_EQ(plan.dropped_records, 100u);
  EXPECT_EQ(plan.dropped_bytes, 100 * kMiB);
  EXPECT_EQ(plan.copied_bytes, 0u);
}

TEST(GcPlanTest, CompactsBelowTheThresholdAndSaysWhatIsLeftAbove) {
  const std::vector packs = {Pack(1, 100, 79), Pack(2, 100, 81)};
  const GcPlan plan = PlanGc(packs, {.live_percent = 80});
  EXPECT_EQ(Numbers(plan.compact), std::vector<uint32_t>{1});
  EXPECT_EQ(plan.copied_bytes, 79 * kMiB);
  EXPECT_EQ(plan.freed_bytes,
            packs[0].file_bytes - PackFileBytes(79, 79 * kMiB));
  EXPECT_EQ(plan.threshold_bytes,
            packs[1].file_bytes - PackFileBytes(81, 81 * kMiB));
}

TEST(GcPlanTest, AtAHundredPercentAllGarbageGoesAndNothingElseIsCopied) {
  std::vector packs = {Pack(1, 100, 99), Pack(2, 100, 100), Pack(3, 100, 100)};
  packs[2].file_bytes += 12 * kPackBlockBytes;  // behind syncs
  const GcPlan plan = PlanGc(packs, {.live_percent = 100});
  EXPECT_EQ(Numbers(plan.compact), std::vector<uint32_t>{1});
  EXPECT_EQ(plan.threshold_bytes, 0u) << "padding is not waiting for anything";
}

// Of records that a killed run has dropped and not copied from the entries in
// the footer are told from padding, even if the records fit into it.
TEST(GcPlanTest, AtAHundredPercentNoRecordIsTakenForPadding) {
  std::vector packs = {Pack(1, 100, 100), Pack(2, 100, 100), Pack(3, 100, 100)};
  packs[0].file_bytes += kPackEntryBytes;
  packs[1].file_bytes += kPackBlockBytes;
  packs[2].file_bytes += 3 * kPackEntryBytes + 2 * kPackBlockBytes;
  EXPECT_EQ(Numbers(PlanGc(packs, {.live_percent = 100}).compact),
            (std::vector<uint32_t>{3, 1}));
  EXPECT_TRUE(PlanGc(packs, {.live_percent = 99}).compact.empty());
}

TEST(GcPlanTest, MuchPaddingIsWorthACopy) {
  std::vector packs = {Pack(1, 100, 100)};
  packs[0].file_bytes *= 2;
  EXPECT_EQ(Numbers(PlanGc(packs, {.live_percent = 80}).compact),
            std::vector<uint32_t>{1});
  EXPECT_TRUE(PlanGc(packs, {.live_percent = 40}).compact.empty());
}

TEST(GcPlanTest, TheMostFreedByACopiedByteComesFirst) {
  const std::vector packs = {Pack(1, 100, 50), Pack(2, 100, 10),
                             Pack(3, 200, 20), Pack(4, 100, 70)};
  EXPECT_EQ(Numbers(PlanGc(packs, {.live_percent = 80}).compact),
            (std::vector<uint32_t>{3, 2, 1, 4}));
}

TEST(GcPlanTest, TheLimitOfCopiedBytesLeavesTheRestForLater) {
  const std::vector packs = {Pack(1, 100, 10), Pack(2, 100, 30),
                             Pack(3, 100, 0), Pack(4, 100, 12)};
  const GcPlan plan =
      PlanGc(packs, {.live_percent = 80, .max_copy_bytes = 25 * kMiB});
  EXPECT_EQ(Numbers(plan.drop), std::vector<uint32_t>{3});
  EXPECT_EQ(Numbers(plan.compact), (std::vector<uint32_t>{1, 4}));
  EXPECT_EQ(plan.budget_bytes,
            packs[1].file_bytes - PackFileBytes(30, 30 * kMiB));
}

TEST(GcPlanTest, PutsManySmallPacksOfOneClassTogether) {
  std::vector<PackUse> packs;
  for (uint32_t i = 0; i < kMinSmallPacks; ++i) packs.push_back(Pack(i, 1, 1));
  packs.push_back(Pack(100, 1, 1));
  packs.back().metadata = true;
  EXPECT_EQ(PlanGc(packs, {.live_percent = 80}).compact.size(), kMinSmallPacks);
  packs.erase(packs.begin());
  EXPECT_TRUE(PlanGc(packs, {.live_percent = 80}).compact.empty());
}

TEST(GcPlanTest, APackWithoutItsFileIsLeftToVerify) {
  std::vector packs = {Pack(1, 100, 10), Pack(2, 100, 0)};
  packs[0].missing = packs[1].missing = true;
  packs[1].file_bytes = 0;
  const GcPlan plan = PlanGc(packs, {.live_percent = 100});
  EXPECT_EQ(Numbers(plan.drop), std::vector<uint32_t>{2});
  EXPECT_TRUE(plan.compact.empty());
}

TEST(GcPlanTest, AnEmptyViewDropsNothingUnlessItIsAllowed) {
  const GcPlan plan = PlanGc(std::vector{Pack(1, 10, 0)}, {});
  EXPECT_THAT(CheckView(0, 0, false, plan), HasReasonCode(reason::kEmptyView));
  EXPECT_OK(CheckView(0, 0, true, plan));
  EXPECT_OK(CheckView(1, 0, false, plan));
  EXPECT_OK(CheckView(0, 1, false, plan));
  EXPECT_OK(CheckView(0, 0, false, GcPlan{})) << "a new datastore";
}

// What is planned, left by threshold and left by budget is all the garbage
// there is; and a plan that was carried out leaves nothing to be done.
TEST(GcPlanTest, AccountsForEachByteAndEnds) {
  std::mt19937_64 random{TestSeed()};
  for (int round = 0; round < 200; ++round) {
    std::vector<PackUse> packs;
    uint64_t garbage = 0;
    uint64_t padding = 0;  // of it, in packs that are live throughout
    const size_t count = random() % 40;
    for (uint32_t i = 0; i < count; ++i) {
      const uint64_t records = 1 + random() % 60;
      PackUse pack = Pack(i, records, random() % (records + 1));
      pack.metadata = random() % 4 == 0;
      pack.file_bytes += random() % 8 == 0 ? random() % kMiB : 0;
      const uint64_t of_pack =
          pack.kept_records == 0
              ? pack.file_bytes
              : pack.file_bytes -
                    PackFileBytes(pack.kept_records, pack.kept_bytes);
      garbage += of_pack;
      if (pack.kept_records == pack.records) padding += of_pack;
      packs.push_back(pack);
    }
    const GcPlanOptions options = {
        .live_percent = static_cast<uint32_t>(1 + random() % 100),
        .max_copy_bytes = random() % 2 == 0 ? 0 : random() % (200 * kMiB)};
    const GcPlan plan = PlanGc(packs, options);
    const uint64_t told =
        plan.freed_bytes + plan.threshold_bytes + plan.budget_bytes;
    EXPECT_LE(told, garbage);
    EXPECT_GE(told, garbage - padding);
    if (options.max_copy_bytes > 0) {
      EXPECT_LE(plan.copied_bytes, options.max_copy_bytes);
      continue;
    }
    int runs = 0;
    while (Carry(PlanGc(packs, options), packs)) ++runs;
    EXPECT_LE(runs, 3);
    EXPECT_EQ(PlanGc(packs, options).freed_bytes, 0u);
  }
}

}  // namespace
}  // namespace cairn::maintenance
