#include "services/chunk_storage/engine/pack_copy.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/pack/pack_scanner.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/chunk_storage/engine/pack_listing.h"
#include "services/chunk_storage/engine/record_piece.h"

namespace cairn::chunk_storage {

absl::StatusOr<std::unique_ptr<PackCopy>> PackCopy::Create(
    const SweepParts& parts, PackClass pack_class) {
  ASSIGN_OR_RETURN(std::shared_ptr<PackWriter> writer,
                   parts.packs->CreateOutside(pack_class));
  return std::unique_ptr<PackCopy>(new PackCopy(parts, std::move(writer)));
}

PackCopy::PackCopy(const SweepParts& parts, std::shared_ptr<PackWriter> writer)
    : parts_(parts),
      writer_(std::move(writer)),
      tasks_(parts.context->background) {}

absl::StatusOr<size_t> PackCopy::Append(
    const Call& call, std::span<const PackWriter::Copied> good,
    std::span<const Place> from, size_t source) {
  ASSIGN_OR_RETURN(const std::vector<Place> places,
                   writer_->AppendCopied(good));
  // They get their places when the copy is proved.
  writer_->Settle(places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const RecordHeader& header = good[i].header;
    records_.push_back({header, from[i], source});
    unproved_.records.push_back({header.key, places[i]});
    unproved_.headers.push_back(header);
    unproved_.bytes += RecordExtent(places[i].stored_length);
  }
  if (unproved_.bytes >= kPartBytes) ProveBeside(call);
  absl::MutexLock lock(&mutex_);
  RETURN_IF_ERROR(proof_);
  return places.size();
}

void PackCopy::ProveBeside(const Call& call) {
  {
    absl::MutexLock lock(&mutex_);
    if (proving_) return;
    proving_ = true;
  }
  auto part = std::make_shared<Part>(std::exchange(unproved_, {}));
  const absl::Status scheduled = tasks_.Schedule([this, &call, part] {
    // The disk writes meanwhile what Finish will sync. What fails lets the
    // latch fall, which the next step sees.
    writer_->WriteOut().IgnoreError();
    absl::Status proof = Prove(call, *part);
    absl::MutexLock lock(&mutex_);
    proof_.Update(std::move(proof));
    proving_ = false;
  });
  if (scheduled.ok()) return;
  unproved_ = std::move(*part);  // at the latest in Finish
  absl::MutexLock lock(&mutex_);
  proving_ = false;
}

absl::StatusOr<PackWriter::Contents> PackCopy::Finish(const Call& call) {
  tasks_.AwaitIdle();
  {
    absl::MutexLock lock(&mutex_);
    RETURN_IF_ERROR(proof_);
  }
  ASSIGN_OR_RETURN(PackWriter::Contents contents, writer_->Finish());
  RETURN_IF_ERROR(ProveFooter(contents));
  RETURN_IF_ERROR(Prove(call, unproved_));
  return contents;
}

absl::Status PackCopy::Prove(const Call& call, const Part& part) const {
  const PackSet::FileOfPack file = {writer_->uuid(), writer_->file()};
  for (const RecordPiece& piece : CutPieces(part.records, kPieceBytes)) {
    RETURN_IF_ERROR(CheckCancelled(call));
    ASSIGN_OR_RETURN(ReadPiece read, ReadRecords(file, part.records, piece));
    ProvePayloads(file.uuid,
                  std::span(part.records).subspan(piece.first, piece.count),
                  std::span(&read, 1));
    for (size_t i = 0; i < piece.count; ++i) {
      RETURN_IF_ERROR(read.records[i].status());
      const size_t at = piece.first + i;
      // The payload digest is in it, and both payloads have that digest.
      if (read.records[i]->header == part.headers[at]) continue;
      return absl::DataLossError(
          absl::StrCat("copy of ", part.records[at].key.ToString(), " in pack ",
                       file.uuid.ToString(), " is another record"));
    }
  }
  return absl::OkStatus();
}

absl::Status PackCopy::ProveFooter(const PackWriter::Contents& contents) const {
  const std::shared_ptr<File>& file = writer_->file();
  ASSIGN_OR_RETURN(const std::optional<PackContents> footer,
                   ReadPackFooter(uuid(), contents.file_bytes,
                                  [&](uint64_t offset, size_t length) {
                                    return file->ReadAt(offset, length);
                                  }));
  if (!footer.has_value() || footer->entries.size() != records_.size()) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            "copy into pack ", uuid().ToString(), " has no footer")),
        reason::kStorageFull);
  }
  for (size_t i = 0; i < records_.size(); ++i) {
    if (footer->entries[i].key == records_[i].header.key) continue;
    return absl::DataLossError(
        absl::StrCat("footer of pack ", uuid().ToString(), " names ",
                     footer->entries[i].key.ToString(), " in place of ",
                     records_[i].header.key.ToString()));
  }
  return absl::OkStatus();
}

absl::Status PackCopy::Remove() {
  tasks_.AwaitIdle();
  return parts_.packs->RemoveOutside(*writer_);
}

}  // namespace cairn::chunk_storage
