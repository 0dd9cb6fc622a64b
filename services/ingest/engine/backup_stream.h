#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "common/model/archive.h"
#include "services/ingest/engine/archive_writer.h"
#include "services/ingest/engine/chunk_writer.h"
#include "services/ingest/engine/range_writer.h"
#include "services/ingest/engine/record_sink.h"
#include "services/ingest/engine/session_registry.h"
#include "services/ingest/metrics.h"

namespace cairn::ingest {

// One archive of a session while it is written: its claim, its memory, its
// writer. Messages come from one thread. Destroying it ends the stream.
template <typename Writer>
class WritingStream {
 public:
  // `chunker` is that of the archive, which goes on at `start_offset`.
  // `metrics` outlives the stream.
  WritingStream(std::unique_ptr<SessionRegistry::Claim> claim,
                std::unique_ptr<RecordSink> sink, uint64_t start_offset,
                ChunkerSpec chunker, IngestMetrics* metrics)
      : claim_(std::move(claim)),
        sink_(std::move(sink)),
        metrics_(metrics),
        start_offset_(start_offset),
        chunker_(std::move(chunker)) {
    metrics_->write_streams.Add(1);
  }
  ~WritingStream() {
    claim_->Detach();
    // The archive is free for another stream once this one's tasks are done.
    writer_.reset();
    metrics_->write_streams.Add(-1);
  }
  WritingStream(const WritingStream&) = delete;
  WritingStream& operator=(const WritingStream&) = delete;

  // Once. The claim fails the writer from now on.
  void Attach(std::unique_ptr<Writer> writer) {
    writer_ = std::move(writer);
    claim_->Attach([writer = writer_.get()](const absl::Status& why) {
      writer->Fail(why);
    });
  }

  uint64_t start_offset() const { return start_offset_; }
  const ChunkerSpec& chunker() const { return chunker_; }
  RecordSink* sink() { return sink_.get(); }
  Writer& writer() { return *writer_; }
  // Of a message that the client has sent.
  void CountUploaded(size_t bytes) {
    metrics_->uploaded_bytes.Increment(static_cast<double>(bytes));
  }

 private:
  const std::unique_ptr<SessionRegistry::Claim> claim_;
  const std::unique_ptr<RecordSink> sink_;
  IngestMetrics* const metrics_;
  const uint64_t start_offset_;
  const ChunkerSpec chunker_;
  std::unique_ptr<Writer> writer_;
};

using BackupStream = WritingStream<ArchiveWriter>;
using ChunkBackupStream = WritingStream<ChunkWriter>;
using RangeBackupStream = WritingStream<RangeWriter>;

}  // namespace cairn::ingest
