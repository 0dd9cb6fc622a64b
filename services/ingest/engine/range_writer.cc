#include "services/ingest/engine/range_writer.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/page/page.h"
#include "common/page/page_splice.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/stream_rules.h"
#include "services/ingest/engine/given_entry.h"

namespace cairn::ingest {
namespace {

// Entries of one batch.
constexpr size_t kMaxBatchEntries = 1024;
// What taking an entry over again costs, in bytes received, and pages between
// two ranges.
constexpr uint64_t kEntryWork = 4096;
constexpr uint64_t kPagesWork = 256 * kEntryWork;

absl::Status CheckSize(const ArchiveCheckpoint& start, uint64_t size_bytes) {
  if (size_bytes > kMaxArchiveBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("size_bytes of archive ", start.name, " is ", size_bytes,
                     ", allowed are ", kMaxArchiveBytes));
  }
  if (size_bytes < start.durable_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("size_bytes of archive ", start.name, " is ", size_bytes,
                     ", it is durable up to ", start.durable_bytes,
                     "; resume it with the size it was begun with"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<RangeWriter>> RangeWriter::Open(
    const Options& options, const ArchivePipeline::Dependencies& dependencies,
    const ArchiveReader::Dependencies& readers, const Call& call,
    ArchiveCheckpoint start, std::shared_ptr<StreamBudget::Account> account,
    const RangeBase& base, uint64_t size_bytes, Listener* listener) {
  RETURN_IF_ERROR(CheckSize(start, size_bytes));
  if (base.archive.chunker.max_bytes > start.chunker.max_bytes) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "archive ", start.name, " is cut in chunks of at most ",
            start.chunker.max_bytes, " bytes, that of the base in ",
            base.archive.chunker.max_bytes, "; send it whole")),
        reason::kReuseRefused);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<Chunker> chunker, NewChunker(start.chunker));
  ASSIGN_OR_RETURN(ArchiveBuilder builder,
                   ArchiveBuilder::Restore(std::move(start)));
  return std::unique_ptr<RangeWriter>(new RangeWriter(
      options, dependencies, readers, call, std::move(builder),
      std::move(chunker), std::move(account), base, size_bytes, listener));
}

RangeWriter::RangeWriter(const Options& options,
                         const ArchivePipeline::Dependencies& dependencies,
                         const ArchiveReader::Dependencies& readers,
                         const Call& call, ArchiveBuilder builder,
                         std::unique_ptr<Chunker> chunker,
                         std::shared_ptr<StreamBudget::Account> account,
                         const RangeBase& base, uint64_t size_bytes,
                         Listener* listener)
    : base_archive_(base.archive.name),
      base_root_(base.archive.root),
      base_size_(base.archive.root.size_bytes),
      sink_(dependencies.sink),
      loss_mark_(base.loss_mark),
      rules_(size_bytes, builder.size_bytes()),
      cutter_(std::move(chunker), builder.size_bytes()),
      frames_(account),
      entries_(readers.peers.sessions, readers.clock, base.snapshot),
      chunks_(readers, {base.snapshot, base.archive.name},
              base.session.datastore, account),
      pages_(readers.peers.sessions, readers.clock, base.session),
      at_(builder.size_bytes()),
      pipeline_(options, dependencies, call, std::move(builder),
                std::move(account), listener) {}

absl::Status RangeWriter::Write(uint64_t offset, std::string bytes) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Data(offset, bytes.size())));
  pipeline_.Accept(rules_.position());
  RETURN_IF_ERROR(pipeline_.EndWith(AdvanceTo(offset)));
  return pipeline_.EndWith(TakeBytes(std::move(bytes)));
}

absl::Status RangeWriter::Hole(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Hole(offset, length)));
  pipeline_.Accept(rules_.position());
  RETURN_IF_ERROR(pipeline_.EndWith(AdvanceTo(offset)));
  return pipeline_.EndWith(TakeHole(length));
}

absl::Status RangeWriter::AdvanceTo(uint64_t target) {
  while (at_ < target) {
    RETURN_IF_ERROR(at_ < base_size_ ? StepInBase(std::min(target, base_size_))
                                     : TakeHole(target - at_));
  }
  return absl::OkStatus();
}

absl::Status RangeWriter::StepInBase(uint64_t end) {
  ASSIGN_OR_RETURN(const PlacedEntry placed,
                   entries_.At(pipeline_.call(), base_archive_, at_, end));
  const uint64_t length = placed.entry.length;
  const uint64_t inside =
      placed.entry.is_hole ? 0 : (at_ - placed.offset) % length;
  // A boundary of the base is one of the archive.
  if (inside == 0) RETURN_IF_ERROR(CutLast());
  const uint64_t chunk_begin = at_ - inside;
  if (placed.entry.is_hole || (inside == 0 && end - at_ >= length)) {
    ASSIGN_OR_RETURN(const bool taken, TakePages(end));
    return taken ? absl::OkStatus() : TakeEntries(end);
  }
  ASSIGN_OR_RETURN(const std::string_view bytes,
                   chunks_.Read(pipeline_.call(), chunk_begin, length));
  const uint64_t to = std::min(end, chunk_begin + length);
  while (at_ < to) {
    RETURN_IF_ERROR(TakeBytes(std::string(bytes.substr(
        at_ - chunk_begin, std::min<uint64_t>(to - at_, kMaxFrameBytes)))));
  }
  return to == chunk_begin + length ? CutLast() : absl::OkStatus();
}

absl::StatusOr<bool> RangeWriter::TakePages(uint64_t end) {
  if (loss_mark_ == 0 ||
      !entries_.IsFar(at_, end, pipeline_.options().min_spliced_entries)) {
    return false;
  }
  // Asked each time: a pin would be refused from the moment on that a chunk
  // is known to be bad.
  ASSIGN_OR_RETURN(const bool is_whole,
                   sink_->IsWholeSince(pipeline_.call(), loss_mark_));
  if (!is_whole) {
    loss_mark_ = 0;
    return false;
  }
  ASSIGN_OR_RETURN(const uint64_t to, BoundaryBefore(end));
  Dispatch();
  pipeline_.AddReady(pipeline_.options().min_spliced_entries,
                     [this, to](BuiltRun, ArchiveBuilder& builder) {
                       return Splice(builder, to);
                     });
  at_ = to;
  cutter_.SkipHole(at_ - cutter_.boundary());
  RETURN_IF_ERROR(pipeline_.AwaitRoom());
  RETURN_IF_ERROR(NoteWork(kPagesWork));
  return true;
}

absl::StatusOr<uint64_t> RangeWriter::BoundaryBefore(uint64_t end) {
  if (end == base_size_) return end;
  ASSIGN_OR_RETURN(const PlacedEntry placed,
                   entries_.At(pipeline_.call(), base_archive_, end, end + 1));
  if (placed.entry.is_hole) return end;
  return end - (end - placed.offset) % placed.entry.length;
}

absl::Status RangeWriter::Splice(ArchiveBuilder& builder, uint64_t end) {
  while (builder.size_bytes() < end) {
    const absl::StatusOr<WriteTotals> taken = builder.Splice(
        base_root_, end, SpliceLimits{},
        [this](const Digest& id) { return pages_.Get(pipeline_.call(), id); });
    if (absl::IsDataLoss(taken.status())) {
      return WithReason(absl::FailedPreconditionError(taken.status().message()),
                        reason::kReuseRefused);
    }
    RETURN_IF_ERROR(taken.status());
    sink_->Count(*taken);
    RETURN_IF_ERROR(sink_->StorePages(pipeline_.call(), builder.TakePages()));
  }
  return absl::OkStatus();
}

absl::Status RangeWriter::TakeEntries(uint64_t end) {
  Dispatch();
  ASSIGN_OR_RETURN(const std::vector<ChunkEntry> entries,
                   entries_.FindWhole(pipeline_.call(), base_archive_, at_, end,
                                      kMaxBatchEntries));
  std::vector<GivenEntry> given;
  given.reserve(entries.size());
  for (const ChunkEntry& entry : entries) {
    GivenEntry& item = given.emplace_back();
    item.offset = at_;
    item.entry = entry;
    item.from = GivenEntry::From::kBase;
    at_ += entry.total_length();
  }
  cutter_.SkipHole(at_ - cutter_.boundary());
  pipeline_.Add(
      entries.size(),
      [given = std::move(given)](const Call& call, RecordSink& sink) mutable {
        return sink.StoreGiven(call, std::move(given));
      });
  RETURN_IF_ERROR(pipeline_.AwaitRoom());
  return NoteWork(entries.size() * kEntryWork);
}

absl::Status RangeWriter::TakeBytes(std::string bytes) {
  const uint64_t size = bytes.size();
  ASSIGN_OR_RETURN(const BytePiece piece,
                   frames_.Take(std::move(bytes), [this] { Dispatch(); }));
  at_ += size;
  std::vector<CutChunk> chunks;
  {
    const StageTimer timer = pipeline_.TimeChunking();
    chunks = cutter_.Add(piece.owner, piece.bytes);
  }
  return TakeChunks(std::move(chunks));
}

absl::Status RangeWriter::TakeChunks(std::vector<CutChunk> chunks) {
  const Options& options = pipeline_.options();
  for (CutChunk& chunk : chunks) {
    const uint64_t length = chunk.length;
    batch_bytes_ += length;
    batch_.push_back(std::move(chunk));
    if (batch_bytes_ >= options.batch_bytes ||
        batch_.size() >= options.batch_chunks) {
      Dispatch();
      RETURN_IF_ERROR(pipeline_.AwaitRoom());
    }
    RETURN_IF_ERROR(NoteWork(length));
  }
  return absl::OkStatus();
}

absl::Status RangeWriter::CutLast() {
  std::vector<CutChunk> chunks;
  if (std::optional<CutChunk> last = cutter_.Cut(); last.has_value()) {
    chunks.push_back(*std::move(last));
  }
  return TakeChunks(std::move(chunks));
}

absl::Status RangeWriter::TakeHole(uint64_t length) {
  RETURN_IF_ERROR(CutLast());
  Dispatch();
  at_ += length;
  cutter_.SkipHole(length);
  BuiltRun run;
  run.entries.push_back({.is_hole = true, .length = length});
  run.totals.hole_bytes = length;
  pipeline_.AddReady(std::move(run));
  RETURN_IF_ERROR(pipeline_.AwaitRoom());
  return NoteWork(kEntryWork);
}

absl::Status RangeWriter::NoteWork(uint64_t bytes) {
  unsaved_work_ += bytes;
  if (unsaved_work_ < pipeline_.options().watermark_interval_bytes) {
    return absl::OkStatus();
  }
  return AddCheckpoint();
}

absl::Status RangeWriter::AddCheckpoint() {
  Dispatch();
  unsaved_work_ = 0;
  return pipeline_.AddCheckpoint(cutter_.boundary());
}

absl::Status RangeWriter::Flush() {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Flush()));
  return pipeline_.EndWith(AddCheckpoint());
}

absl::Status RangeWriter::EndAt(uint64_t target) {
  RETURN_IF_ERROR(AdvanceTo(target));
  return CutLast();
}

absl::StatusOr<WrittenArchive> RangeWriter::End() {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.End()));
  pipeline_.Accept(rules_.size_bytes());
  RETURN_IF_ERROR(pipeline_.EndWith(EndAt(rules_.size_bytes())));
  Dispatch();
  return pipeline_.Complete();
}

void RangeWriter::Dispatch() {
  if (batch_.empty()) return;
  const size_t entries = batch_.size();
  pipeline_.Add(entries, [chunks = std::exchange(batch_, {})](
                             const Call& call, RecordSink& sink) mutable {
    return sink.StoreChunks(call, std::move(chunks));
  });
  batch_bytes_ = 0;
}

}  // namespace cairn::ingest
