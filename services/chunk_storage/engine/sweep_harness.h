#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/mark.h"
#include "common/model/record.h"
#include "services/chunk_storage/client/sweep_client.h"
#include "services/chunk_storage/engine/repository_harness.h"
#include "services/chunk_storage/engine/store_sweeper.h"

namespace cairn::chunk_storage {

// The marks of these records, in runs of at most `per_run`; then, if it is not
// OK, `error` in the place of the end.
class TestMarks final : public MarkStream {
 public:
  explicit TestMarks(const std::map<RecordKey, MarkHolder>& marked,
                     size_t per_run = 3, absl::Status error = absl::OkStatus());
  explicit TestMarks(const std::set<RecordKey>& marked);
  // Runs as they are.
  explicit TestMarks(std::vector<MarkRun> runs) : runs_(std::move(runs)) {}

  absl::StatusOr<std::optional<MarkRun>> Next() override;

 private:
  std::vector<MarkRun> runs_;
  absl::Status error_;
  size_t next_ = 0;
};

// The length of a pack that holds these records, footer included, and nothing
// else.
uint64_t TightFileBytes(const RecordSum& records);

// Sweeps over a RepositoryHarness that runs. Not across a restart of it.
class SweepHarness {
 public:
  static constexpr Uuid kSet = {{0x5e, 7}};

  explicit SweepHarness(RepositoryHarness* harness)
      : harness_(*harness), sweeper_(&harness->repository()) {}

  StoreSweeper& sweeper() { return sweeper_; }

  // Tells the epoch, as maintenance does after a start.
  absl::Status TellFloor(uint64_t epoch = 1);
  // The token grows by one with each.
  absl::StatusOr<StoreState> Begin(uint64_t cut,
                                   uint64_t sequence = ~uint64_t{0});
  absl::StatusOr<MarkSummary> Mark(const std::set<RecordKey>& marked);
  absl::StatusOr<MarkSummary> Mark(MarkStream& marks);
  std::vector<PackInfo> Packs(bool with_set = true);
  // All packs that the set knows, and compacts those that would lose anything.
  absl::StatusOr<SweptPacks> Sweep(bool compact, uint64_t max_copy_bytes = 0);
  absl::StatusOr<SweptPacks> SweepOne(const Call& call,
                                      const SweepPacksRequest& request);
  // A whole one: begin, mark, sweep until nothing remains, end.
  absl::StatusOr<SweptPacks> Run(uint64_t cut,
                                 const std::set<RecordKey>& marked,
                                 bool compact = true,
                                 uint64_t sequence = ~uint64_t{0});
  absl::Status End();

  std::vector<uint32_t> PackNumbers();
  uint64_t token() const { return token_; }
  void set_token(uint64_t token) { token_ = token; }
  RepositoryHarness& store() { return harness_; }

 private:
  RepositoryHarness& harness_;
  StoreSweeper sweeper_;
  uint64_t token_ = 100;
};

}  // namespace cairn::chunk_storage
