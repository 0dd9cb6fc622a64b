#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/session.h"
#include "services/ingest/domain/chunk_stream_rules.h"
#include "services/ingest/domain/reuse.h"
#include "services/ingest/domain/stream_rules.h"
#include "services/ingest/engine/archive_pipeline.h"
#include "services/ingest/engine/base_entries.h"
#include "services/ingest/engine/given_entry.h"
#include "services/ingest/engine/stream_budget.h"

namespace cairn::ingest {

// Bytes of an archive that a client names instead of sending them.
struct ReuseRange {
  uint64_t offset = 0;  // in the archive that is written
  uint64_t length = 0;
  // One of the two: a chunk sent before by its number in the stream, or a
  // place in the base.
  std::optional<uint64_t> sent_chunk;
  std::string base_archive;  // empty: of the same name
  uint64_t base_offset = 0;
  Digest check;  // CheckOfEntries of what the client believes to be there
};

// Writes one archive of a session from chunks that the client has cut,
// hashed and encoded, and from what it names instead of sending it. Payloads
// wait in Chunk while the stream's budget is used up.
//
// The first error ends the stream: every call returns it. Messages come from
// one thread; Fail from any. Destroying the writer waits for its tasks.
class ChunkWriter {
 public:
  using Options = ArchivePipeline::Options;
  using Dependencies = ArchivePipeline::Dependencies;
  using Listener = ArchivePipeline::Listener;

  // What a stream must be guaranteed: the chunks that may be named again, and
  // one chunk, encoded and decoded.
  static uint64_t GuaranteeFor(const ChunkerSpec& chunker) {
    return SentChunks::kMaxBytes + 2 * uint64_t{chunker.max_bytes} +
           kMaxEncodingGrowth + kMaxFrameBytes;
  }

  // As ArchiveWriter::Open. `base` finds what may be reused of the session's
  // base.
  static absl::StatusOr<std::unique_ptr<ChunkWriter>> Open(
      const Options& options, const Dependencies& dependencies,
      const Call& call, ArchiveCheckpoint start,
      std::shared_ptr<StreamBudget::Account> account, BaseEntries base,
      Listener* listener);
  ~ChunkWriter();
  ChunkWriter(const ChunkWriter&) = delete;
  ChunkWriter& operator=(const ChunkWriter&) = delete;

  // Errors of the message itself as ChunkStreamRules says. That a payload is
  // not what its header says, or a chunk of the base is gone, may be told by
  // a later call: see RecordSink::StoreGiven.
  absl::Status Chunk(const ChunkHeader& header, std::string payload);
  absl::Status Fragment(std::string bytes);
  // InvalidArgument: it does not suit the archive's kind or chunker, or
  // (CHUNK_MISMATCH) is not what its check says.
  // FailedPrecondition (REUSE_REFUSED): as BaseEntries::Find.
  absl::Status Reuse(const ReuseRange& range);
  absl::Status Hole(uint64_t offset, uint64_t length);
  // Asks for a checkpoint behind the last message.
  absl::Status Flush();
  // Completes the archive and waits until it is durable.
  absl::StatusOr<WrittenArchive> End(uint64_t size_bytes);

  // Ends the stream from outside. Does not block.
  void Fail(absl::Status error) { pipeline_.Fail(std::move(error)); }

  // The error that ended the stream, or OK.
  absl::Status status() const { return pipeline_.status(); }

 private:
  // An entry of a batch that is a chunk sent, or the same again.
  struct SentMark {
    size_t entry = 0;
    uint64_t number = 0;
    bool again = false;
  };

  ChunkWriter(const Options& options, const Dependencies& dependencies,
              const Call& call, ArchiveBuilder builder,
              const ArchiveCheckpoint& start,
              std::shared_ptr<StreamBudget::Account> account, BaseEntries base,
              Listener* listener);

  absl::Status BeginChunk(const ChunkHeader& header, std::string payload);
  absl::Status EndChunk();
  absl::Status TakeReuse(const ReuseRange& range);
  absl::StatusOr<std::vector<ChunkEntry>> FindReused(const ReuseRange& range);
  // They are what the client believes, and may stand in this archive.
  absl::Status CheckReused(const ReuseRange& range,
                           const std::vector<ChunkEntry>& entries) const;
  // Adds entries that follow each other from `offset` on.
  absl::Status Take(std::vector<GivenEntry> entries);
  // Hands the batch to the workers.
  void Dispatch();
  absl::Status AddCheckpoint();
  // Adds a run in order: what is sent again is a hole if its chunk was.
  absl::Status Append(const std::vector<SentMark>& marks, BuiltRun run,
                      ArchiveBuilder& builder);

  const ArchiveKind kind_;
  const uint64_t max_chunk_bytes_;
  const std::string archive_;
  const std::shared_ptr<StreamBudget::Account> account_;
  ChunkStreamRules rules_;
  SentChunks sent_;
  BaseEntries base_;
  std::optional<GivenEntry> current_;  // whose payload is not whole
  std::vector<GivenEntry> batch_;
  std::vector<SentMark> marks_;  // of the batch
  uint64_t batch_bytes_ = 0;     // plain bytes of its payloads
  size_t batch_payloads_ = 0;
  // Of the collector: whether chunk n was all zero, at n modulo
  // kMaxSentChunks.
  std::vector<bool> sent_zero_;
  ArchivePipeline pipeline_;
};

}  // namespace cairn::ingest
