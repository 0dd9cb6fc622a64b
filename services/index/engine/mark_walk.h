#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/model/mark.h"
#include "common/model/uuid.h"
#include "common/page/page.h"
#include "services/index/client/sweep_client.h"
#include "services/index/storage/index_store.h"
#include "services/index/storage/mark_sorter.h"
#include "services/index/storage/page_queue.h"
#include "services/index/storage/run_file.h"

namespace cairn::index {

// What was marked: chunks, and pages with manifests.
struct WalkedMarks {
  std::shared_ptr<const SortedMarks> chunks;
  std::shared_ptr<const SortedMarks> records;
  MarkProgress progress;  // at the end

  // All of them, in order.
  std::unique_ptr<MarkStream> NewStream() const;
};

// Marks what a set of roots refers to: walks the pages below them level by
// level from the top, so that each distinct page is read once, with the
// strongest of all who need it, however many archives have it. Every page is
// proved. Memory is bounded; what does not fit is sorted in files. Not
// thread-safe; for one walk.
class MarkWalk {
 public:
  struct Options {
    size_t chunk_memory_bytes = size_t{64} << 20;
    size_t record_memory_bytes = size_t{8} << 20;
    size_t page_memory_bytes = size_t{48} << 20;  // of pages to be visited
  };
  // Called often; not OK ends the walk.
  using Tick = absl::FunctionRef<absl::Status(const MarkProgress&)>;

  // All outlive the walk; `directory` also what it makes.
  MarkWalk(const Options& options, const IndexView* view, const Uuid& datastore,
           RunDirectory* directory, Tick tick);

  // Roots. `level` <= kMaxPageLevel.
  absl::Status AddPage(uint32_t level, const Digest& page, MarkHolder holder);
  absl::Status AddChunk(const Domain& domain, const Digest& chunk,
                        MarkHolder holder);
  absl::Status AddManifest(const Digest& manifest, MarkHolder holder);
  // Those of a snapshot, counted as one.
  absl::Status AddSnapshot(const std::vector<Archive>& archives,
                           const Digest& manifest, MarkHolder holder);

  // DataLoss names the page that is missing or damaged.
  absl::StatusOr<WalkedMarks> Run();

 private:
  struct Batch {
    std::vector<QueuedPage> pages;
    std::vector<std::string> bytes;
    size_t size_bytes = 0;
  };

  absl::Status WalkLevel(uint32_t level);
  absl::Status Visit(uint32_t level, const Batch& batch);
  absl::Status MarkPage(uint32_t level, const QueuedPage& id,
                        std::string_view bytes);

  const IndexView* const view_;
  const Uuid datastore_;
  const Tick tick_;
  MarkProgress progress_;
  MarkSorter chunks_;
  MarkSorter records_;
  PageQueue queue_;
};

}  // namespace cairn::index
