#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/chunking/chunker.h"
#include "common/model/archive.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "services/ingest/domain/archive_builder.h"
#include "services/ingest/domain/chunk_cutter.h"
#include "services/ingest/domain/range_rules.h"
#include "services/ingest/engine/archive_pipeline.h"
#include "services/ingest/engine/archive_reader.h"
#include "services/ingest/engine/base_chunks.h"
#include "services/ingest/engine/base_entries.h"
#include "services/ingest/engine/base_pages.h"
#include "services/ingest/engine/frame_store.h"
#include "services/ingest/engine/record_sink.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

// The archive that another is written as changes of.
struct RangeBase {
  SnapshotName snapshot;
  SessionRef session;  // that writes
  Archive archive;
  // Not 0: the session keeps the archive's pages and chunks, which were all
  // there when the store had this mark.
  uint64_t loss_mark = 0;
};

// Writes one archive of a session as that of its base with changed ranges.
//
//   base    |  chunk  |  chunk  |  chunk  |  chunk  |
//   sent                  ████
//   archive |  taken  |  cut    |  taken  |  taken  |
//
// Between the ranges, whole entries of the base are taken over: they are
// pinned and not read. Where there are many, whole pages of them are, unseen
// and not pinned: only of an archive that the session's row in index keeps,
// and only as long as the store has lost nothing since it was begun. Where a
// range begins or ends inside a chunk of the base, the chunk is read and its
// bytes around the range are cut together with those sent; the cut ends at the
// base's next boundary, unless what is sent goes on there. A hole ends the
// chunk before it.
//
// The first error ends the stream: every call returns it. Frames come from
// one thread; Fail from any. Destroying the writer waits for its tasks.
class RangeWriter {
 public:
  using Options = ArchivePipeline::Options;
  using Listener = ArchivePipeline::Listener;

  // What a stream must be guaranteed: to end a chunk, beside a chunk of the
  // base.
  static uint64_t GuaranteeFor(const ChunkerSpec& chunker) {
    return FrameStore::GuaranteeFor(chunker.max_bytes) +
           ArchiveReader::GuaranteeFor(chunker.max_bytes);
  }

  // As ArchiveWriter::Open, of an archive that will have `size_bytes`; what
  // `readers` names outlives the writer. FailedPrecondition (REUSE_REFUSED):
  // the base has longer chunks than the archive was begun with.
  // InvalidArgument: it is durable beyond its end, or cannot be so long.
  static absl::StatusOr<std::unique_ptr<RangeWriter>> Open(
      const Options& options, const ArchivePipeline::Dependencies& dependencies,
      const ArchiveReader::Dependencies& readers, const Call& call,
      ArchiveCheckpoint start, std::shared_ptr<StreamBudget::Account> account,
      const RangeBase& base, uint64_t size_bytes, Listener* listener);
  RangeWriter(const RangeWriter&) = delete;
  RangeWriter& operator=(const RangeWriter&) = delete;

  // Errors of the frame itself as RangeRules says. FailedPrecondition
  // (REUSE_REFUSED), by this or a later call: the base is gone, or what is
  // needed of it is missing or damaged.
  absl::Status Write(uint64_t offset, std::string bytes);
  absl::Status Hole(uint64_t offset, uint64_t length);
  // Asks for a checkpoint at the last boundary. What lies behind the last
  // frame is not part of it.
  absl::Status Flush();
  // Completes the archive and waits until it is durable.
  absl::StatusOr<WrittenArchive> End();

  // Ends the stream from outside. Does not block.
  void Fail(absl::Status error) { pipeline_.Fail(std::move(error)); }

  // The error that ended the stream, or OK.
  absl::Status status() const { return pipeline_.status(); }

 private:
  RangeWriter(const Options& options,
              const ArchivePipeline::Dependencies& dependencies,
              const ArchiveReader::Dependencies& readers, const Call& call,
              ArchiveBuilder builder, std::unique_ptr<Chunker> chunker,
              std::shared_ptr<StreamBudget::Account> account,
              const RangeBase& base, uint64_t size_bytes, Listener* listener);

  // Goes on to `target` with what the base has there, zeros behind its end.
  absl::Status AdvanceTo(uint64_t target);
  // The next step of it; `end` is within the base.
  absl::Status StepInBase(uint64_t end);
  absl::Status TakeEntries(uint64_t end);
  // Takes pages over up to about `end`, if many entries lie before it and it
  // may be done; false: nothing is taken.
  absl::StatusOr<bool> TakePages(uint64_t end);
  // The last boundary of the base at or before `end`, which is within it.
  absl::StatusOr<uint64_t> BoundaryBefore(uint64_t end);
  // Adds the base up to `end`; of the collector.
  absl::Status Splice(ArchiveBuilder& builder, uint64_t end);
  absl::Status TakeBytes(std::string bytes);
  absl::Status TakeChunks(std::vector<CutChunk> chunks);
  absl::Status TakeHole(uint64_t length);
  absl::Status EndAt(uint64_t target);
  // Ends the current chunk here.
  absl::Status CutLast();
  // Hands the batch to the workers.
  void Dispatch();
  absl::Status AddCheckpoint();
  // A checkpoint is due when work of an interval is not in one.
  absl::Status NoteWork(uint64_t bytes);

  const std::string base_archive_;
  const PageRoot base_root_;
  const uint64_t base_size_;
  RecordSink* const sink_;
  uint64_t loss_mark_;  // 0: no pages are taken over, any more
  RangeRules rules_;
  ChunkCutter cutter_;
  FrameStore frames_;
  BaseEntries entries_;
  BaseChunks chunks_;
  BasePages pages_;  // of the collector
  uint64_t at_;      // all before is cut, or in the current chunk
  std::vector<CutChunk> batch_;
  uint64_t batch_bytes_ = 0;
  uint64_t unsaved_work_ = 0;
  ArchivePipeline pipeline_;
};

}  // namespace cairn::ingest
