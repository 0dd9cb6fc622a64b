#include "services/chunk_storage/engine/pack_writer.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

constexpr char kZeros[kRecordAlignment] = {};

RecordHeader HeaderOf(const Record& record, uint64_t epoch) {
  return {.key = record.key,
          .encoding = record.encoding,
          .plain_length = static_cast<uint32_t>(record.plain_length),
          .stored_length = static_cast<uint32_t>(record.payload.size()),
          .epoch = epoch,
          .sequence = record.sequence,
          .payload_digest = record.payload_digest};
}

// The zeros between a record and the next place for one.
std::string_view PaddingAfter(std::string_view payload) {
  const uint64_t length = kRecordHeaderBytes + payload.size();
  return {kZeros, RecordExtent(payload.size()) - length};
}

}  // namespace

absl::StatusOr<std::shared_ptr<PackWriter>> PackWriter::Create(
    const StoreContext* context, const PackHeader& header, uint32_t number) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                   context->packs->CreatePack(header.datastore, header.pack));
  const std::string block = EncodePackHeader(header);
  const std::string_view pieces[] = {block};
  const absl::Status written = file->WriteAt(0, pieces);
  if (!written.ok()) {
    // Best effort: recovery takes an empty file for an empty pack.
    context->packs->RemovePack(header.datastore, header.pack).IgnoreError();
    return written;
  }
  return std::shared_ptr<PackWriter>(
      new PackWriter(context, header, number, std::move(file)));
}

uint64_t PackWriter::end() const {
  absl::MutexLock lock(&mutex_);
  return end_;
}

uint64_t PackWriter::durable_sequence() const {
  absl::MutexLock lock(&mutex_);
  return durable_sequence_;
}

size_t PackWriter::CountFitting(std::span<const Copied> records) const {
  if (closed_) return 0;
  uint64_t end = end_;
  size_t count = 0;
  for (const Copied& record : records) {
    end += RecordExtent(record.payload.size());
    const bool first = records_.empty() && count == 0;
    if (records_.size() + count >= context_->options.pack_records) break;
    if (end > context_->options.pack_bytes && !first) break;
    ++count;
  }
  return count;
}

absl::StatusOr<std::vector<Place>> PackWriter::Append(
    std::span<const Record* const> records, uint64_t epoch) {
  std::vector<Copied> copied;
  copied.reserve(records.size());
  for (const Record* record : records) {
    copied.push_back({HeaderOf(*record, epoch), record->payload});
  }
  return AppendCopied(copied);
}

absl::StatusOr<std::vector<Place>> PackWriter::AppendCopied(
    std::span<const Copied> records) {
  absl::MutexLock lock(&mutex_);
  records = records.first(CountFitting(records));
  if (records.empty()) return std::vector<Place>();
  std::vector<PackEntry> entries;
  std::vector<std::string> headers;
  std::vector<std::string_view> pieces;
  headers.reserve(records.size());
  uint64_t offset = end_;
  for (const Copied& record : records) {
    headers.push_back(EncodeRecordHeader(record.header, header_.pack, offset));
    entries.push_back(EntryOf(record.header, offset));
    pieces.push_back(headers.back());
    pieces.push_back(record.payload);
    pieces.push_back(PaddingAfter(record.payload));
    offset += RecordExtent(record.payload.size());
  }
  const absl::Status written = file_->WriteAt(end_, pieces);
  if (!written.ok()) {
    // What the file holds from end_ on is unknown: nothing may follow it.
    closed_ = true;
    return WithContext(written,
                       absl::StrCat("pack ", uuid().ToString(), " at ", end_));
  }
  end_ = offset;
  std::vector<Place> places;
  for (const PackEntry& entry : entries) {
    highest_sequence_ = std::max(highest_sequence_, entry.sequence);
    places.push_back(
        PlaceOf(entry, number_, static_cast<uint32_t>(records_.size())));
    records_.push_back(entry);
  }
  unsettled_ += places.size();
  return places;
}

void PackWriter::Settle(size_t count) {
  absl::MutexLock lock(&mutex_);
  unsettled_ -= count;
}

absl::Status PackWriter::SyncFile(bool with_directory) {
  RETURN_IF_ERROR(context_->latch->Check());
  absl::Status synced = file_->Sync();
  if (synced.ok() && with_directory) {
    synced = context_->packs->SyncPackDirectory(header_.datastore);
  }
  if (synced.ok()) return absl::OkStatus();
  // Nobody knows now which of the earlier writes are on disk.
  return context_->latch->Fail(
      WithContext(synced, absl::StrCat("sync of pack ", uuid().ToString())));
}

absl::Status PackWriter::Sync() {
  absl::MutexLock lock(&mutex_);
  const uint64_t target = end_;
  while (synced_ < target) {
    RETURN_IF_ERROR(context_->latch->Check());
    if (syncing_) {
      const auto idle = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return !syncing_;
      };
      context_->executor->Await(&mutex_, absl::Condition(&idle),
                                absl::InfiniteDuration());
      continue;
    }
    syncing_ = true;
    // Later records start on a block of their own, so that the blocks that
    // this sync makes durable are never written again.
    end_ = AlignUp(end_, kPackBlockBytes);
    const uint64_t covered = end_;
    const uint64_t covered_sequence = highest_sequence_;
    const bool with_directory = !directory_synced_;
    mutex_.Unlock();
    const absl::Status synced = SyncFile(with_directory);
    mutex_.Lock();
    syncing_ = false;
    RETURN_IF_ERROR(synced);
    synced_ = covered;
    durable_sequence_ = covered_sequence;
    directory_synced_ = true;
  }
  return absl::OkStatus();
}

absl::StatusOr<PackWriter::Contents> PackWriter::Finish() {
  bool finished = false;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    const auto settled = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return unsettled_ == 0;
    };
    context_->executor->Await(&mutex_, absl::Condition(&settled),
                              absl::InfiniteDuration());
    finished = finished_;
  }
  if (!finished) {
    // Before the footer: a valid footer promises what it lists.
    RETURN_IF_ERROR(Sync());
    RETURN_IF_ERROR(WriteFooter());
  }
  ASSIGN_OR_RETURN(const uint64_t file_bytes, file_->Size());
  absl::MutexLock lock(&mutex_);
  finished_ = true;
  Contents contents = {.file_bytes = file_bytes,
                       .highest_sequence = highest_sequence_};
  for (size_t i = 0; i < records_.size(); ++i) {
    contents.highest_epoch =
        std::max(contents.highest_epoch, records_[i].epoch);
    contents.records.push_back(
        {records_[i].key,
         PlaceOf(records_[i], number_, static_cast<uint32_t>(i))});
  }
  return contents;
}

absl::Status PackWriter::WriteFooter() {
  std::vector<PackEntry> entries;
  uint64_t offset = 0;
  {
    absl::MutexLock lock(&mutex_);
    entries = records_;
    offset = end_;
  }
  // A torn append may have left the file longer than what counts.
  ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  offset = AlignUp(std::max(offset, size), kPackBlockBytes);
  const std::string footer = EncodePackFooter(header_.pack, offset, entries);
  const std::string_view pieces[] = {footer};
  const absl::Status written = file_->WriteAt(offset, pieces);
  if (!written.ok()) {
    // The pack is whole without it; a rebuild scans the records instead.
    LOG(WARNING) << "pack without a footer pack=" << uuid().ToString()
                 << " error=" << written.ToString();
    return absl::OkStatus();
  }
  return SyncFile(/*with_directory=*/false);
}

}  // namespace cairn::chunk_storage
