#include "services/chunk_storage/engine/sweep_harness.h"

#include <utility>

#include "common/pack/pack_format.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::chunk_storage {

TestMarks::TestMarks(const std::map<RecordKey, MarkHolder>& marked,
                     size_t per_run, absl::Status error)
    : error_(std::move(error)) {
  for (const auto& [key, holder] : marked) {
    if (key.kind == RecordKind::kEvent) continue;  // none is ever marked
    const Mark mark = {.prefix = MarkPrefix(key.digest), .holder = holder};
    if (runs_.empty() || runs_.back().kind != key.kind ||
        runs_.back().domain != key.domain ||
        runs_.back().marks.size() == per_run) {
      runs_.push_back({.kind = key.kind, .domain = key.domain});
    }
    runs_.back().marks.push_back(mark);
  }
}

TestMarks::TestMarks(const std::set<RecordKey>& marked)
    : TestMarks([&marked] {
        std::map<RecordKey, MarkHolder> holders;
        for (const RecordKey& key : marked) holders[key] = MarkHolder::kListed;
        return holders;
      }()) {}

absl::StatusOr<std::optional<MarkRun>> TestMarks::Next() {
  if (next_ < runs_.size()) return std::optional<MarkRun>(runs_[next_++]);
  RETURN_IF_ERROR(error_);
  return std::nullopt;
}

uint64_t TightFileBytes(const RecordSum& records) {
  return AlignUp(kPackBlockBytes + records.bytes, kPackBlockBytes) +
         records.records * kPackEntryBytes + kPackTrailerBytes;
}

absl::Status SweepHarness::TellFloor(uint64_t epoch) {
  return harness_.repository()
      .ShowToken(harness_.call(), harness_.datastore(),
                 {.token = token_, .epoch = epoch, .sequence = ~uint64_t{0}})
      .status();
}

absl::StatusOr<StoreState> SweepHarness::Begin(uint64_t cut,
                                               uint64_t sequence) {
  return sweeper_.BeginSweep(harness_.call(), harness_.datastore(),
                             {.token = ++token_,
                              .cut = cut,
                              .sequence = sequence,
                              .index_sequence = ~uint64_t{0}});
}

absl::StatusOr<MarkSummary> SweepHarness::Mark(
    const std::set<RecordKey>& marked) {
  TestMarks marks(marked);
  return Mark(marks);
}

absl::StatusOr<MarkSummary> SweepHarness::Mark(MarkStream& marks) {
  return sweeper_.PutMarks(harness_.call(), harness_.datastore(),
                           {.id = kSet, .token = token_}, marks);
}

std::vector<PackInfo> SweepHarness::Packs(bool with_set) {
  const auto page = sweeper_.ListPacks(
      harness_.call(), harness_.datastore(),
      with_set ? std::optional<Uuid>(kSet) : std::nullopt, 10'000, 0);
  EXPECT_OK(page);
  return page.ok() ? page->packs : std::vector<PackInfo>();
}

std::vector<uint32_t> SweepHarness::PackNumbers() {
  std::vector<uint32_t> numbers;
  for (const PackInfo& pack : Packs(/*with_set=*/false)) {
    numbers.push_back(pack.number);
  }
  return numbers;
}

absl::StatusOr<SweptPacks> SweepHarness::SweepOne(
    const Call& call, const SweepPacksRequest& request) {
  return sweeper_.SweepPacks(call, harness_.datastore(), request);
}

absl::StatusOr<SweptPacks> SweepHarness::Sweep(bool compact,
                                               uint64_t max_copy_bytes) {
  ASSIGN_OR_RETURN(const PackPage page,
                   sweeper_.ListPacks(harness_.call(), harness_.datastore(),
                                      kSet, 10'000, 0));
  SweepPacksRequest request = {
      .set = kSet, .token = token_, .max_copy_bytes = max_copy_bytes};
  for (const PackInfo& pack : page.packs) {
    request.packs.push_back(pack.number);
    if (compact && pack.file_bytes > TightFileBytes(pack.kept)) {
      request.compact.push_back(pack.number);
    }
  }
  if (request.packs.empty()) return SweptPacks();
  return SweepOne(harness_.call(), request);
}

absl::StatusOr<SweptPacks> SweepHarness::Run(uint64_t cut,
                                             const std::set<RecordKey>& marked,
                                             bool compact, uint64_t sequence) {
  RETURN_IF_ERROR(Begin(cut, sequence).status());
  RETURN_IF_ERROR(Mark(marked).status());
  ASSIGN_OR_RETURN(SweptPacks swept, Sweep(compact));
  RETURN_IF_ERROR(End());
  return swept;
}

absl::Status SweepHarness::End() {
  return sweeper_.EndSweep(harness_.call(), harness_.datastore(), token_);
}

}  // namespace cairn::chunk_storage
