#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/archive.h"
#include "common/model/session.h"
#include "common/page/page_splice.h"
#include "common/page/page_tree_builder.h"
#include "common/page/page_walk.h"

namespace cairn::ingest {

// What one stream wrote.
struct WriteTotals {
  uint64_t chunk_count = 0;      // repeats counted, holes not
  uint64_t new_chunk_count = 0;  // of these, what the store lacked
  uint64_t plain_bytes = 0;      // of chunks that were received
  uint64_t new_plain_bytes = 0;
  uint64_t stored_bytes = 0;  // encoded bytes of new chunks
  uint64_t hole_bytes = 0;    // hole frames and chunks that are all zero
  uint64_t reused_bytes = 0;  // named instead of sent, and repetitions

  void Add(const WriteTotals& other);
  friend bool operator==(const WriteTotals&, const WriteTotals&) = default;
};

// Consecutive entries of an archive, and what they cost.
struct BuiltRun {
  std::vector<ChunkEntry> entries;
  WriteTotals totals;
};

// Turns the entries of one archive, in order, into its tree of pages and
// checkpoints. Pure; not thread-safe.
class ArchiveBuilder {
 public:
  // Goes on from a checkpoint that is not complete.
  // DataLoss: its builder state is not one of ours.
  static absl::StatusOr<ArchiveBuilder> Restore(ArchiveCheckpoint from);

  // Errors as PageTreeBuilder::Add.
  absl::Status Add(const BuiltRun& run);

  // Appends the bytes [size_bytes(), end) of the archive `base`, whole pages
  // of it where they fit, or a part as `limits` say. What it cost: all of it
  // is reused. The pages taken over are not given by TakePages. Errors as
  // cairn::Splice.
  absl::StatusOr<WriteTotals> Splice(const PageRoot& base, uint64_t end,
                                     const SpliceLimits& limits,
                                     PageSource source);

  // Pages completed since the last call, children before parents; to be
  // stored before the next checkpoint.
  std::vector<EncodedPage> TakePages() { return pages_.TakePages(); }

  // Where the archive stands now. TakePages was called last.
  ArchiveCheckpoint Checkpoint() const;

  // Completes the tree: the checkpoint to save once the pages that TakePages
  // now gives are stored.
  absl::StatusOr<ArchiveCheckpoint> Finish();

  uint64_t size_bytes() const { return pages_.size_bytes(); }
  const WriteTotals& totals() const { return totals_; }

 private:
  ArchiveBuilder(ArchiveCheckpoint from, PageTreeBuilder pages);

  ArchiveCheckpoint from_;
  PageTreeBuilder pages_;
  WriteTotals totals_;
};

}  // namespace cairn::ingest
