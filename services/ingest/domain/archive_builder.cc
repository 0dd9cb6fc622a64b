#include "services/ingest/domain/archive_builder.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

void WriteTotals::Add(const WriteTotals& other) {
  chunk_count += other.chunk_count;
  new_chunk_count += other.new_chunk_count;
  plain_bytes += other.plain_bytes;
  new_plain_bytes += other.new_plain_bytes;
  stored_bytes += other.stored_bytes;
  hole_bytes += other.hole_bytes;
  reused_bytes += other.reused_bytes;
}

ArchiveBuilder::ArchiveBuilder(ArchiveCheckpoint from, PageTreeBuilder pages)
    : from_(std::move(from)), pages_(std::move(pages)) {
  from_.builder_state.clear();
}

absl::StatusOr<ArchiveBuilder> ArchiveBuilder::Restore(ArchiveCheckpoint from) {
  if (from.builder_state.empty()) {
    if (from.durable_bytes != 0) {
      return absl::DataLossError(
          absl::StrCat("checkpoint of archive ", from.name, " at ",
                       from.durable_bytes, " has no builder state"));
    }
    return ArchiveBuilder(std::move(from), PageTreeBuilder(PageCutRule{}));
  }
  ASSIGN_OR_RETURN(PageTreeBuilder pages,
                   PageTreeBuilder::Restore(PageCutRule{}, from.builder_state));
  if (pages.size_bytes() != from.durable_bytes) {
    return absl::DataLossError(absl::StrCat(
        "checkpoint of archive ", from.name, " is at ", from.durable_bytes,
        ", its builder state at ", pages.size_bytes()));
  }
  return ArchiveBuilder(std::move(from), std::move(pages));
}

absl::Status ArchiveBuilder::Add(const BuiltRun& run) {
  for (const ChunkEntry& entry : run.entries) {
    RETURN_IF_ERROR(pages_.Add(entry));
  }
  totals_.Add(run.totals);
  return absl::OkStatus();
}

absl::StatusOr<WriteTotals> ArchiveBuilder::Splice(const PageRoot& base,
                                                   uint64_t end,
                                                   const SpliceLimits& limits,
                                                   PageSource source) {
  const uint64_t begin = pages_.size_bytes();
  ASSIGN_OR_RETURN(const Spliced spliced,
                   cairn::Splice(pages_, base, begin, end, limits, source));
  WriteTotals totals{.reused_bytes = spliced.next - begin};
  for (const ChunkEntry& entry : spliced.entries) {
    if (!entry.is_hole) totals.chunk_count += entry.repeat;
  }
  for (const TakenPage& taken : spliced.pages) {
    totals.chunk_count += taken.page.chunk_count;
  }
  totals_.Add(totals);
  return totals;
}

ArchiveCheckpoint ArchiveBuilder::Checkpoint() const {
  ArchiveCheckpoint checkpoint = from_;
  checkpoint.durable_bytes = pages_.size_bytes();
  checkpoint.builder_state = pages_.SaveState();
  checkpoint.stored_bytes += totals_.stored_bytes;
  return checkpoint;
}

absl::StatusOr<ArchiveCheckpoint> ArchiveBuilder::Finish() {
  ArchiveCheckpoint checkpoint = from_;
  checkpoint.durable_bytes = pages_.size_bytes();
  checkpoint.stored_bytes += totals_.stored_bytes;
  ASSIGN_OR_RETURN(checkpoint.root, pages_.Finish());
  return checkpoint;
}

}  // namespace cairn::ingest
