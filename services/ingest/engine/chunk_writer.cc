#include "services/ingest/engine/chunk_writer.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::ingest {
namespace {

// Entries of one batch: reuses are much cheaper than payloads.
constexpr size_t kMaxBatchEntries = 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<ChunkWriter>> ChunkWriter::Open(
    const Options& options, const Dependencies& dependencies, const Call& call,
    ArchiveCheckpoint start, std::shared_ptr<StreamBudget::Account> account,
    BaseEntries base, Listener* listener) {
  ASSIGN_OR_RETURN(ArchiveBuilder builder, ArchiveBuilder::Restore(start));
  // Within the guarantee: it does not wait.
  RETURN_IF_ERROR(account->Acquire(SentChunks::kMaxBytes));
  return std::unique_ptr<ChunkWriter>(
      new ChunkWriter(options, dependencies, call, std::move(builder), start,
                      std::move(account), std::move(base), listener));
}

ChunkWriter::ChunkWriter(const Options& options,
                         const Dependencies& dependencies, const Call& call,
                         ArchiveBuilder builder, const ArchiveCheckpoint& start,
                         std::shared_ptr<StreamBudget::Account> account,
                         BaseEntries base, Listener* listener)
    : kind_(start.kind),
      max_chunk_bytes_(start.chunker.max_bytes),
      archive_(start.name),
      account_(std::move(account)),
      rules_(start.kind, start.chunker.max_bytes, builder.size_bytes()),
      base_(std::move(base)),
      sent_zero_(kMaxSentChunks),
      pipeline_(options, dependencies, call, std::move(builder), account_,
                listener) {}

ChunkWriter::~ChunkWriter() { account_->Release(SentChunks::kMaxBytes); }

absl::Status ChunkWriter::Chunk(const ChunkHeader& header,
                                std::string payload) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Chunk(header, payload.size())));
  return pipeline_.EndWith(BeginChunk(header, std::move(payload)));
}

absl::Status ChunkWriter::BeginChunk(const ChunkHeader& header,
                                     std::string payload) {
  const uint64_t cost = ChunkPayload::CostOf(
      header.encoding, header.stored_length, header.length);
  if (!account_->TryAcquire(cost)) {
    // What waits for the batch to fill gives its bytes back only when done.
    Dispatch();
    RETURN_IF_ERROR(account_->Acquire(cost));
  }
  current_ = GivenEntry{.offset = header.offset,
                        .entry = {.length = header.length,
                                  .repeat = header.repeat,
                                  .digest = header.digest},
                        .from = GivenEntry::From::kSent};
  current_->payload = std::make_unique<ChunkPayload>(
      account_, header.encoding, header.stored_length, header.length);
  current_->payload->Append(std::move(payload));
  if (rules_.missing_bytes() > 0) return absl::OkStatus();
  return EndChunk();
}

absl::Status ChunkWriter::Fragment(std::string bytes) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Fragment(bytes.size())));
  current_->payload->Append(std::move(bytes));
  if (rules_.missing_bytes() > 0) return absl::OkStatus();
  return pipeline_.EndWith(EndChunk());
}

absl::Status ChunkWriter::EndChunk() {
  GivenEntry whole = *std::exchange(current_, std::nullopt);
  marks_.push_back({.entry = batch_.size(), .number = sent_.count()});
  sent_.Add(whole.entry.length, whole.entry.digest);
  batch_bytes_ += whole.entry.length;
  ++batch_payloads_;
  std::vector<GivenEntry> entries;
  entries.push_back(std::move(whole));
  return Take(std::move(entries));
}

absl::Status ChunkWriter::Reuse(const ReuseRange& range) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Reuse(range.offset, range.length)));
  return pipeline_.EndWith(TakeReuse(range));
}

absl::StatusOr<std::vector<ChunkEntry>> ChunkWriter::FindReused(
    const ReuseRange& range) {
  if (range.sent_chunk.has_value()) {
    ASSIGN_OR_RETURN(const ChunkEntry entry,
                     sent_.Find(*range.sent_chunk, range.length));
    return std::vector<ChunkEntry>{entry};
  }
  absl::StatusOr<std::vector<ChunkEntry>> entries =
      base_.Find(pipeline_.call(),
                 range.base_archive.empty() ? archive_ : range.base_archive,
                 range.base_offset, range.length);
  if (HasReason(entries.status(), reason::kReuseRefused)) {
    return ReuseRefused(entries.status().message(), range.offset, range.length);
  }
  return entries;
}

absl::Status ChunkWriter::CheckReused(
    const ReuseRange& range, const std::vector<ChunkEntry>& entries) const {
  if (CheckOfEntries(entries) != range.check) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "reuse at ", range.offset, " of ", range.length,
                          " bytes: its check is not that of the ",
                          entries.size(), " entries that stand there")),
                      reason::kChunkMismatch);
  }
  if (kind_ == ArchiveKind::kBlob &&
      (entries.size() > 1 || entries.front().repeat > 1)) {
    return absl::InvalidArgumentError(
        "reuse of more than one chunk in a blob, which is one");
  }
  for (const ChunkEntry& entry : entries) {
    if (entry.is_hole || entry.length <= max_chunk_bytes_) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "reuse at ", range.offset, " has a chunk of ", entry.length,
        " bytes, allowed by the archive's chunker are ", max_chunk_bytes_));
  }
  return absl::OkStatus();
}

absl::Status ChunkWriter::TakeReuse(const ReuseRange& range) {
  ASSIGN_OR_RETURN(const std::vector<ChunkEntry> entries, FindReused(range));
  RETURN_IF_ERROR(CheckReused(range, entries));
  std::vector<GivenEntry> given;
  given.reserve(entries.size());
  uint64_t offset = range.offset;
  for (const ChunkEntry& entry : entries) {
    GivenEntry& item = given.emplace_back();
    item.offset = offset;
    item.entry = entry;
    item.from = GivenEntry::From::kBase;
    offset += entry.total_length();
  }
  if (range.sent_chunk.has_value()) {
    given.front().from = GivenEntry::From::kStream;
    marks_.push_back(
        {.entry = batch_.size(), .number = *range.sent_chunk, .again = true});
  }
  return Take(std::move(given));
}

absl::Status ChunkWriter::Hole(uint64_t offset, uint64_t length) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Hole(offset, length)));
  std::vector<GivenEntry> entries(1);
  entries[0].offset = offset;
  entries[0].entry = {.is_hole = true, .length = length};
  entries[0].from = GivenEntry::From::kStream;
  return pipeline_.EndWith(Take(std::move(entries)));
}

absl::Status ChunkWriter::Take(std::vector<GivenEntry> entries) {
  pipeline_.Accept(rules_.position());
  const ArchivePipeline::Options& options = pipeline_.options();
  for (GivenEntry& entry : entries) {
    batch_.push_back(std::move(entry));
    if (batch_bytes_ >= options.batch_bytes ||
        batch_payloads_ >= options.batch_chunks ||
        batch_.size() >= kMaxBatchEntries) {
      Dispatch();
      RETURN_IF_ERROR(pipeline_.AwaitRoom());
    }
  }
  if (!pipeline_.IsCheckpointDue(rules_.position())) return absl::OkStatus();
  return AddCheckpoint();
}

void ChunkWriter::Dispatch() {
  if (batch_.empty()) return;
  const size_t entries = batch_.size();
  pipeline_.Add(
      entries,
      [given = std::exchange(batch_, {})](const Call& call,
                                          RecordSink& sink) mutable {
        return sink.StoreGiven(call, std::move(given));
      },
      [this, marks = std::exchange(marks_, {})](BuiltRun run,
                                                ArchiveBuilder& builder) {
        return Append(marks, std::move(run), builder);
      });
  batch_bytes_ = 0;
  batch_payloads_ = 0;
}

absl::Status ChunkWriter::Append(const std::vector<SentMark>& marks,
                                 BuiltRun run, ArchiveBuilder& builder) {
  for (const SentMark& mark : marks) {
    ChunkEntry& entry = run.entries[mark.entry];
    const size_t place = mark.number % kMaxSentChunks;
    if (!mark.again) {
      sent_zero_[place] = entry.is_hole;
    } else if (sent_zero_[place]) {
      // It was not stored.
      run.totals.chunk_count -= entry.repeat;
      entry = {.is_hole = true, .length = entry.total_length()};
    }
  }
  return builder.Add(run);
}

absl::Status ChunkWriter::AddCheckpoint() {
  Dispatch();
  return pipeline_.AddCheckpoint(rules_.position());
}

absl::Status ChunkWriter::Flush() {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.Flush()));
  return pipeline_.EndWith(AddCheckpoint());
}

absl::StatusOr<WrittenArchive> ChunkWriter::End(uint64_t size_bytes) {
  RETURN_IF_ERROR(status());
  RETURN_IF_ERROR(pipeline_.EndWith(rules_.End(size_bytes)));
  Dispatch();
  return pipeline_.Complete();
}

}  // namespace cairn::ingest
