#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/client/sweep_client.h"

// What every StoreSweepClient does. An implementation instantiates
// StoreSweepContract with a factory that starts an empty store.
namespace cairn {

class StoreSweepFixture {
 public:
  virtual ~StoreSweepFixture() = default;
  virtual ChunkClient& chunks() = 0;
  virtual StoreSweepClient& sweeps() = 0;
};
struct StoreSweepFactory {
  std::string name;
  std::function<std::unique_ptr<StoreSweepFixture>()> start;
};

// Runs as they are, then `end`.
class GivenMarks final : public MarkStream {
 public:
  explicit GivenMarks(std::vector<MarkRun> runs,
                      absl::Status end = absl::OkStatus())
      : runs_(std::move(runs)), end_(std::move(end)) {}
  absl::StatusOr<std::optional<MarkRun>> Next() override {
    if (next_ < runs_.size()) return std::optional<MarkRun>(runs_[next_++]);
    if (!end_.ok()) return end_;
    return std::nullopt;
  }

 private:
  const std::vector<MarkRun> runs_;
  const absl::Status end_;
  size_t next_ = 0;
};

class StoreSweepContract : public ::testing::TestWithParam<StoreSweepFactory> {
 protected:
  static constexpr uint64_t kCut = 6;
  static constexpr uint64_t kToken = 9;

  StoreSweepContract() : fixture_(GetParam().start()) {
    EXPECT_OK(fixture_->chunks().EnsureDatastore(call_, datastore_));
    EXPECT_OK(fixture_->chunks().ShowToken(
        call_, datastore_, {.token = 1, .epoch = 1, .sequence = 0}));
    std::vector<Record> records;
    for (int i = 0; i < 10; ++i) records.push_back(Chunk(i));
    EXPECT_OK(fixture_->chunks().Put(call_, {datastore_, Uuid{{1}}, kCut - 1},
                                     records));
  }

  StoreSweepClient& sweeps() { return fixture_->sweeps(); }
  static Record Chunk(int number) {
    Record record;
    record.payload = absl::StrCat("chunk ", number);
    record.plain_length = record.payload.size();
    record.key.digest = Sha256(record.payload);
    record.payload_digest = record.key.digest;
    return record;
  }
  static MarkRun RunOf(std::vector<int> numbers) {
    MarkRun run;
    for (const int number : numbers) {
      run.marks.push_back({.prefix = MarkPrefix(Chunk(number).key.digest),
                           .holder = MarkHolder::kTrash});
    }
    std::sort(run.marks.begin(), run.marks.end(),
              [](const Mark& a, const Mark& b) { return a.prefix < b.prefix; });
    return run;
  }
  absl::StatusOr<MarkSummary> Put(std::vector<MarkRun> runs,
                                  absl::Status end = absl::OkStatus()) {
    GivenMarks marks(std::move(runs), std::move(end));
    return sweeps().PutMarks(call_, datastore_, {.id = set_, .token = kToken},
                             marks);
  }
  absl::Status Begin() {
    return sweeps()
        .BeginSweep(call_, datastore_, {.token = kToken, .cut = kCut})
        .status();
  }
  std::vector<bool> Present() {
    std::vector<RecordKey> keys;
    for (int i = 0; i < 10; ++i) keys.push_back(Chunk(i).key);
    const auto reply =
        fixture_->chunks().Pin(call_, {datastore_, Uuid{{1}}, kCut}, keys);
    EXPECT_OK(reply);
    return reply.ok() ? reply->present : std::vector<bool>();
  }

  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kIngest, "test@service"}};
  const DatastoreRef datastore_ = {Uuid{{0xd5, 1}}, 3};
  const Uuid set_ = {{0x5e}};
  const std::unique_ptr<StoreSweepFixture> fixture_;
};

TEST_P(StoreSweepContract, AWholeSweep) {
  const auto state =
      sweeps().BeginSweep(call_, datastore_, {.token = kToken, .cut = kCut});
  ASSERT_OK(state);
  EXPECT_EQ(state->token, kToken);
  EXPECT_EQ(state->floor, 1u);
  const auto summary = Put({RunOf({0, 2, 4, 6, 77})});
  ASSERT_OK(summary);
  EXPECT_EQ(summary->marked.records, 4u);
  EXPECT_EQ(summary->trash, summary->marked);
  EXPECT_EQ(summary->unmarked.records, 6u);
  EXPECT_EQ(summary->missing_records, 1u);
  ASSERT_EQ(summary->missing.size(), 1u);
  EXPECT_EQ(summary->missing[0].marks, RunOf({77}).marks);
  const auto page = sweeps().ListPacks(call_, datastore_, set_, 1000, 0);
  ASSERT_OK(page);
  EXPECT_TRUE(page->done);
  ASSERT_EQ(page->packs.size(), 1u);
  const PackInfo& pack = page->packs[0];
  EXPECT_FALSE(pack.uuid.is_zero());
  EXPECT_EQ(pack.pack_class, PackClass::kData);
  EXPECT_EQ(pack.records.records, 10u);
  EXPECT_EQ(pack.kept.records, 4u);
  EXPECT_TRUE(pack.seal_time.has_value());
  const auto swept = sweeps().SweepPacks(call_, datastore_,
                                         {.set = set_,
                                          .token = kToken,
                                          .packs = {pack.number},
                                          .compact = {pack.number}});
  ASSERT_OK(swept);
  EXPECT_EQ(swept->dropped.records, 6u);
  EXPECT_EQ(swept->removed_packs, 1u);
  EXPECT_EQ(swept->removed_bytes, pack.file_bytes);
  EXPECT_EQ(swept->copied, pack.kept);
  EXPECT_EQ(swept->new_packs, 1u);
  EXPECT_LT(swept->new_bytes, pack.file_bytes);
  EXPECT_TRUE(swept->remaining.empty());
  EXPECT_TRUE(swept->damaged_packs.empty());
  ASSERT_OK(sweeps().EndSweep(call_, datastore_, kToken));
  ASSERT_OK(sweeps().EndSweep(call_, datastore_, kToken));
  const std::vector<bool> expected = {true,  false, true,  false, true,
                                      false, true,  false, false, false};
  EXPECT_EQ(Present(), expected);
}

TEST_P(StoreSweepContract, MarksThatAreCutOffMakeNoSet) {
  ASSERT_OK(Begin());
  EXPECT_THAT(Put({RunOf({1})}, absl::DataLossError("a page is gone")),
              StatusIs(absl::StatusCode::kDataLoss));
  const auto listed = sweeps().ListPacks(call_, datastore_, set_, 10, 0);
  EXPECT_THAT(listed, StatusIs(absl::StatusCode::kAborted));
  EXPECT_TRUE(HasReason(listed.status(), reason::kSweepLost));
}

TEST_P(StoreSweepContract, WhatHasEndedIsLostAndWhatIsOldIsStale) {
  ASSERT_OK(Begin());
  ASSERT_OK(Put({}));
  ASSERT_OK(sweeps().EndSweep(call_, datastore_, kToken));
  const auto swept = sweeps().SweepPacks(
      call_, datastore_, {.set = set_, .token = kToken, .packs = {1}});
  EXPECT_TRUE(HasReason(swept.status(), reason::kSweepLost));
  EXPECT_TRUE(HasReason(Put({}).status(), reason::kSweepLost));
  const auto old = sweeps().BeginSweep(call_, datastore_,
                                       {.token = kToken - 1, .cut = kCut});
  EXPECT_TRUE(HasReason(old.status(), reason::kStaleToken));
  ASSERT_OK(Begin());
  ASSERT_OK(Put({}));
  ASSERT_OK(sweeps().DropMarks(call_, datastore_, set_));
  ASSERT_OK(sweeps().DropMarks(call_, datastore_, set_));
  EXPECT_FALSE(sweeps().ListPacks(call_, datastore_, set_, 10, 0).ok());
  const std::vector<bool> all(10, true);
  EXPECT_EQ(Present(), all);
}

TEST_P(StoreSweepContract, LimitsAreKept) {
  ASSERT_OK(Begin());
  ASSERT_OK(Put({}));
  const auto sweep = [&](std::vector<uint32_t> packs,
                         std::vector<uint32_t> compact) {
    return sweeps()
        .SweepPacks(call_, datastore_,
                    {.set = set_,
                     .token = kToken,
                     .packs = std::move(packs),
                     .compact = std::move(compact)})
        .status();
  };
  EXPECT_TRUE(absl::IsInvalidArgument(sweep({}, {})));
  EXPECT_TRUE(
      absl::IsInvalidArgument(sweep(std::vector<uint32_t>(1001, 1), {})));
  EXPECT_TRUE(absl::IsInvalidArgument(sweep({1}, {2})));
  EXPECT_OK(sweep({99}, {}));  // gone, or never there
  EXPECT_TRUE(absl::IsInvalidArgument(
      sweeps().ListPacks(call_, datastore_, std::nullopt, 10'001, 0).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      sweeps().ListDamaged(call_, datastore_, std::nullopt, 10'001).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      sweeps().VerifyPacks(call_, datastore_, {}, [](const VerifiedPack&) {})));
}

TEST_P(StoreSweepContract, VerifiesAndSaysWhatIsProved) {
  ASSERT_OK(Begin());
  const auto page =
      sweeps().ListPacks(call_, datastore_, std::nullopt, 1000, 0);
  ASSERT_OK(page);
  ASSERT_EQ(page->packs.size(), 1u);
  for (const VerifyDepth depth : {VerifyDepth::kLight, VerifyDepth::kDeep}) {
    std::vector<VerifiedPack> verified;
    ASSERT_OK(sweeps().VerifyPacks(
        call_, datastore_,
        {.packs = {page->packs[0].number, 99}, .depth = depth},
        [&](const VerifiedPack& pack) { verified.push_back(pack); }));
    ASSERT_EQ(verified.size(), 1u);
    EXPECT_EQ(verified[0].pack, page->packs[0].number);
    EXPECT_EQ(verified[0].records.records, 10u);
    EXPECT_EQ(verified[0].records.bytes, verified[0].plain_bytes);
    EXPECT_TRUE(verified[0].damage.empty());
  }
  const auto after =
      sweeps().ListPacks(call_, datastore_, std::nullopt, 1000, 0);
  ASSERT_OK(after);
  EXPECT_TRUE(after->packs[0].proof_time.has_value());
  EXPECT_TRUE(after->packs[0].presence_time.has_value());
  const auto damaged =
      sweeps().ListDamaged(call_, datastore_, std::nullopt, 10);
  ASSERT_OK(damaged);
  EXPECT_TRUE(damaged->damage.empty());
  EXPECT_TRUE(damaged->done);
}

}  // namespace cairn
