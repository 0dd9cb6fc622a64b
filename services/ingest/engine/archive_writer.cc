#include "services/ingest/engine/archive_writer.h"

#include <optional>
#include <utility>

#include "common/chunking/chunker.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {

absl::StatusOr<std::unique_ptr<ArchiveWriter>> ArchiveWriter::Open(
    const Options& options, const Dependencies& dependencies, const Call& call,
    ArchiveCheckpoint start, std::shared_ptr<StreamBudget::Account> account,
    Listener* listener) {
  ASSIGN_OR_RETURN(std::unique_ptr<Chunker> chunker, NewChunker(start.chunker));
  const ArchiveKind kind = start.kind;
  ASSIGN_OR_RETURN(ArchiveBuilder builder,
                   ArchiveBuilder::Restore(std::move(start)));
  return std::unique_ptr<ArchiveWriter>(
      new ArchiveWriter(options, dependencies, call, std::move(builder), kind,
                        std::move(chunker), std::move(account), listener));
}

ArchiveWriter::ArchiveWriter(const Options& options,
                             const Dependencies& dependencies, const Call& call,
                             ArchiveBuilder builder, ArchiveKind kind,
                             std::unique_ptr<Chunker> chunker,
                             std::shared_ptr<StreamBudget::Account> account,
                             Listener* listener)
    : rules_(kind, builder.size_bytes()),
      cutter_(std::move(chunker), builder.size_bytes()),
      frames_(account),
      pipeline_(options, dependencies, call, std::move(builder),
                std::move(account), listener) {}

absl::Status ArchiveWriter::Write(uint64_t offset, std::string bytes) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Data(offset, bytes.size())));
  return pipeline_.EndWith(TakeFrame(std::move(bytes)));
}

absl::Status ArchiveWriter::TakeFrame(std::string bytes) {
  ASSIGN_OR_RETURN(const BytePiece piece,
                   frames_.Take(std::move(bytes), [this] { Dispatch(); }));
  pipeline_.Accept(rules_.position());
  std::vector<CutChunk> chunks;
  {
    const StageTimer timer = pipeline_.TimeChunking();
    chunks = cutter_.Add(piece.owner, piece.bytes);
  }
  return TakeChunks(std::move(chunks));
}

absl::Status ArchiveWriter::TakeChunks(std::vector<CutChunk> chunks) {
  const Options& options = pipeline_.options();
  for (CutChunk& chunk : chunks) {
    const uint64_t end = chunk.offset + chunk.length;
    batch_bytes_ += chunk.length;
    batch_.push_back(std::move(chunk));
    if (batch_bytes_ >= options.batch_bytes ||
        batch_.size() >= options.batch_chunks) {
      Dispatch();
      RETURN_IF_ERROR(pipeline_.AwaitRoom());
    }
    if (pipeline_.IsCheckpointDue(end)) RETURN_IF_ERROR(AddCheckpoint());
  }
  return absl::OkStatus();
}

void ArchiveWriter::CutLast() {
  if (std::optional<CutChunk> last = cutter_.Cut(); last.has_value()) {
    batch_bytes_ += last->length;
    batch_.push_back(*std::move(last));
  }
}

absl::Status ArchiveWriter::Hole(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Hole(offset, length)));
  return pipeline_.EndWith(TakeHole(length));
}

absl::Status ArchiveWriter::TakeHole(uint64_t length) {
  pipeline_.Accept(rules_.position());
  CutLast();
  Dispatch();
  cutter_.SkipHole(length);
  BuiltRun run;
  run.entries.push_back({.is_hole = true, .length = length});
  run.totals.hole_bytes = length;
  pipeline_.AddReady(std::move(run));
  RETURN_IF_ERROR(pipeline_.AwaitRoom());
  if (!pipeline_.IsCheckpointDue(cutter_.boundary())) return absl::OkStatus();
  return AddCheckpoint();
}

absl::Status ArchiveWriter::Flush() {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Flush()));
  return pipeline_.EndWith(AddCheckpoint());
}

absl::Status ArchiveWriter::AddCheckpoint() {
  Dispatch();
  return pipeline_.AddCheckpoint(cutter_.boundary());
}

absl::StatusOr<WrittenArchive> ArchiveWriter::End(uint64_t size_bytes) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.End(size_bytes)));
  CutLast();
  Dispatch();
  return pipeline_.Complete();
}

void ArchiveWriter::Dispatch() {
  if (batch_.empty()) return;
  const size_t entries = batch_.size();
  pipeline_.Add(entries, [chunks = std::exchange(batch_, {})](
                             const Call& call, RecordSink& sink) mutable {
    return sink.StoreChunks(call, std::move(chunks));
  });
  batch_bytes_ = 0;
}

}  // namespace cairn::ingest
