#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "services/ingest/domain/chunk_cutter.h"
#include "services/ingest/domain/stream_rules.h"
#include "services/ingest/engine/archive_pipeline.h"
#include "services/ingest/engine/frame_store.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

// Writes one archive of a session from a stream of raw frames: they are cut
// into chunks by the caller and go down the pipeline in batches. Frames wait
// in Write while the stream's budget is used up.
//
// The first error ends the stream: every call returns it. Frames come from
// one thread; Fail from any. Destroying the writer waits for its tasks.
class ArchiveWriter {
 public:
  using Options = ArchivePipeline::Options;
  using Dependencies = ArchivePipeline::Dependencies;
  using Listener = ArchivePipeline::Listener;

  // What a stream must be guaranteed.
  static uint64_t GuaranteeFor(const ChunkerSpec& chunker) {
    return FrameStore::GuaranteeFor(chunker.max_bytes);
  }

  // Goes on from `start`, which is not complete. `call`, its token and the
  // listener outlive the writer. DataLoss: a checkpoint that is not one of
  // ours. InvalidArgument: its chunker.
  static absl::StatusOr<std::unique_ptr<ArchiveWriter>> Open(
      const Options& options, const Dependencies& dependencies,
      const Call& call, ArchiveCheckpoint start,
      std::shared_ptr<StreamBudget::Account> account, Listener* listener);
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  // Errors of the frame itself as StreamRules says.
  absl::Status Write(uint64_t offset, std::string bytes);
  // Ends the current chunk, whatever the length of the hole.
  absl::Status Hole(uint64_t offset, uint64_t length);
  // Asks for a checkpoint at the last chunk boundary.
  absl::Status Flush();
  // Completes the archive and waits until it is durable.
  absl::StatusOr<WrittenArchive> End(uint64_t size_bytes);

  // Ends the stream from outside. Does not block.
  void Fail(absl::Status error) { pipeline_.Fail(std::move(error)); }

  // The error that ended the stream, or OK.
  absl::Status status() const { return pipeline_.status(); }

 private:
  ArchiveWriter(const Options& options, const Dependencies& dependencies,
                const Call& call, ArchiveBuilder builder, ArchiveKind kind,
                std::unique_ptr<Chunker> chunker,
                std::shared_ptr<StreamBudget::Account> account,
                Listener* listener);

  absl::Status TakeChunks(std::vector<CutChunk> chunks);
  absl::Status TakeFrame(std::string bytes);
  absl::Status TakeHole(uint64_t length);
  // Ends the current chunk here.
  void CutLast();
  // Hands the batch to the workers.
  void Dispatch();
  absl::Status AddCheckpoint();

  StreamRules rules_;
  ChunkCutter cutter_;
  FrameStore frames_;
  std::vector<CutChunk> batch_;
  uint64_t batch_bytes_ = 0;
  ArchivePipeline pipeline_;
};

}  // namespace cairn::ingest
