#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/digest.h"
#include "common/model/mark.h"
#include "common/page/page.h"
#include "services/index/storage/run_file.h"
#include "services/index/storage/run_merge.h"

namespace cairn::index {

// A page that a walk visits, and the strongest of those who need it.
struct QueuedPage {
  Digest key;
  MarkHolder holder = MarkHolder::kListed;
  friend bool operator==(const QueuedPage&, const QueuedPage&) = default;
};

// Pages as a block of a run: digest and holder of each.
struct PageCodec {
  using Entry = QueuedPage;

  class Writer {
   public:
    bool Add(const QueuedPage& page);
    std::string Take();

   private:
    std::string block_;
  };

  class Reader {
   public:
    bool Load(std::string block);
    bool Next(QueuedPage& page);

   private:
    std::string block_;
    size_t next_ = 0;
  };
};

// The pages of one level, ascending. Not thread-safe.
class PageLevel {
 public:
  explicit PageLevel(std::vector<QueuedPage> pages)
      : pages_(std::move(pages)) {}
  explicit PageLevel(std::shared_ptr<const RunFile> run)
      : run_(std::in_place, std::move(run)) {}

  // Nullopt after the last.
  absl::StatusOr<std::optional<QueuedPage>> Next();

 private:
  const std::vector<QueuedPage> pages_;
  size_t next_ = 0;
  std::optional<RunSource<PageCodec>> run_;
};

// The pages that a walk has yet to visit, each once however often it is
// added, by level. Told apart by their whole ids: a page that were taken for
// another would not be visited. Memory is bounded; what does not fit goes to
// files of `directory`. Not thread-safe.
class PageQueue {
 public:
  // `directory` outlives the queue and what is taken from it.
  PageQueue(size_t memory_bytes, RunDirectory* directory);

  // `level` <= kMaxPageLevel, and not taken yet.
  absl::Status Add(uint32_t level, const Digest& page, MarkHolder holder,
                   WorkTick tick);

  // All pages of `level` that were added.
  absl::StatusOr<PageLevel> Take(uint32_t level, WorkTick tick);

 private:
  using Pages = absl::flat_hash_map<Digest, MarkHolder>;

  absl::Status SpillLargest(WorkTick tick);
  absl::Status Spill(uint32_t level, WorkTick tick);
  static std::vector<QueuedPage> Sorted(Pages& pages);

  const size_t max_pages_;
  RunDirectory* const directory_;
  size_t count_ = 0;  // in memory, of all levels
  std::array<Pages, kMaxPageLevel + 1> pages_;
  std::vector<RunSet<PageCodec>> runs_;  // by level
};

}  // namespace cairn::index
