#include "services/chunk_storage/engine/pack_compaction.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/pack/pack_scanner.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

// As PackSweep::kKeysPerStep.
constexpr size_t kKeysPerStep = 256;

std::optional<absl::Time> Earlier(std::optional<absl::Time> a,
                                  std::optional<absl::Time> b) {
  if (!a.has_value() || !b.has_value()) return std::nullopt;
  return std::min(*a, *b);
}

}  // namespace

PackCompaction::PackCompaction(const SweepParts& parts, const SweepGuard& guard,
                               std::shared_ptr<MarkSet> set,
                               const Options& options)
    : parts_(parts),
      guard_(guard),
      set_(std::move(set)),
      options_(options),
      listing_(parts.context, parts.number, parts.packs),
      throttle_(options.bytes_per_second, parts.context->executor,
                parts.context->clock),
      tasks_(parts.context->executor) {}

absl::Status PackCompaction::Run(const Call& call,
                                 std::span<const SealedPack> sources) {
  for (const SealedPack& pack : sources) {
    sources_.push_back({.pack = pack});
    const std::optional<PackMarks> marks = set_->Find(pack.number);
    expected_bytes_ += marks.has_value() ? marks->here.bytes : 0;
  }
  // A copy is of one class.
  std::stable_sort(sources_.begin(), sources_.end(),
                   [](const Source& a, const Source& b) {
                     return a.pack.pack_class < b.pack.pack_class;
                   });
  const absl::Status done = RunAll(call);
  if (!done.ok()) AbandonCopy();
  for (const Source& source : sources_) {
    const uint32_t number = source.pack.number;
    if (source.buried ||
        std::find(outcome_.damaged.begin(), outcome_.damaged.end(), number) !=
            outcome_.damaged.end()) {
      continue;
    }
    if (!done.ok() || !source.consumed) outcome_.remaining.push_back(number);
  }
  return done;
}

absl::Status PackCompaction::RunAll(const Call& call) {
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (i > 0 && options_.max_copy_bytes > 0 &&
        appended_bytes_ >= options_.max_copy_bytes) {
      break;
    }
    if (copy_ != nullptr &&
        copy_->pack_class() != sources_[i].pack.pack_class) {
      RETURN_IF_ERROR(FinishCopy(call));
    }
    RETURN_IF_ERROR(CopySource(call, i));
  }
  RETURN_IF_ERROR(FinishCopy(call));
  return BuryEmpty({});
}

void PackCompaction::AddDamaged(uint32_t pack) {
  if (outcome_.damaged.empty() || outcome_.damaged.back() != pack) {
    outcome_.damaged.push_back(pack);
  }
}

absl::Status PackCompaction::MarkDamaged(size_t source,
                                         const PlacedRecord& record,
                                         const absl::Status& why) {
  AddDamaged(sources_[source].pack.number);
  if (record.place.bad) return absl::OkStatus();
  parts_.context->metrics->damaged_records.Increment();
  return parts_.places->MarkBad(record.key, record.place,
                                std::string(why.message()));
}

absl::Status PackCompaction::CopySource(const Call& call, size_t source) {
  const SealedPack& pack = sources_[source].pack;
  ASSIGN_OR_RETURN(const auto lists, listing_.List(call, std::span(&pack, 1)));
  sources_[source].left = lists[0].size();
  std::vector<PlacedRecord> records;
  for (const PlacedRecord& record : lists[0]) {
    if (record.place.bad || parts_.places->IsMissingPack(pack.number)) {
      RETURN_IF_ERROR(MarkDamaged(source, record, absl::OkStatus()));
    } else {
      records.push_back(record);
    }
  }
  const std::vector<RecordPiece> pieces = CutPieces(records, kPieceBytes);
  std::span<const RecordPiece> rest = pieces;
  while (!rest.empty()) {
    const auto batch = rest.first(BatchSize(rest, kPieceBytes));
    rest = rest.subspan(batch.size());
    const auto opened = parts_.packs->OpenForRead(pack.number);
    if (absl::IsDataLoss(opened.status())) {
      AddDamaged(pack.number);  // its file is gone: nothing to copy
      break;
    }
    RETURN_IF_ERROR(opened.status());
    for (const RecordPiece& next : rest.first(BatchSize(rest, kPieceBytes))) {
      opened->file->Prefetch(next.offset, next.length);
    }
    RETURN_IF_ERROR(CopyBatch(source, *opened, records, batch, call));
  }
  sources_[source].consumed = true;
  return absl::OkStatus();
}

// Where every other record stays, each piece is one record; their digests are
// found side by side all the same.
absl::Status PackCompaction::CopyBatch(size_t source,
                                       const PackSet::FileOfPack& file,
                                       std::span<const PlacedRecord> records,
                                       std::span<const RecordPiece> batch,
                                       const Call& call) {
  std::vector<ReadPiece> read;
  read.reserve(batch.size());
  for (const RecordPiece& piece : batch) {
    RETURN_IF_ERROR(throttle_.Pass(call, piece.length));
    RETURN_IF_ERROR(parts_.context->latch->Check());
    ASSIGN_OR_RETURN(ReadPiece one, ReadRecords(file, records, piece));
    read.push_back(std::move(one));
  }
  ProvePayloads(file.uuid, records.subspan(batch.front().first), read);
  for (size_t i = 0; i < batch.size(); ++i) {
    RETURN_IF_ERROR(CopyPiece(source,
                              records.subspan(batch[i].first, batch[i].count),
                              read[i], call));
  }
  return absl::OkStatus();
}

absl::Status PackCompaction::CopyPiece(size_t source,
                                       std::span<const PlacedRecord> records,
                                       const ReadPiece& piece,
                                       const Call& call) {
  std::vector<PackWriter::Copied> good;
  std::vector<Place> from;
  for (size_t i = 0; i < records.size(); ++i) {
    if (!piece.records[i].ok()) {
      RETURN_IF_ERROR(
          MarkDamaged(source, records[i], piece.records[i].status()));
      continue;
    }
    good.push_back({piece.records[i]->header, piece.records[i]->payload});
    from.push_back(records[i].place);
  }
  for (size_t next = 0; next < good.size();) {
    if (copy_ == nullptr) {
      RETURN_IF_ERROR(OpenCopy(sources_[source].pack.pack_class));
    }
    ASSIGN_OR_RETURN(const std::vector<Place> places,
                     copy_->AppendCopied(std::span(good).subspan(next)));
    // They get their places when the copy is proved.
    copy_->Settle(places.size());
    if (places.empty()) {
      RETURN_IF_ERROR(FinishCopy(call));
      continue;
    }
    for (size_t i = 0; i < places.size(); ++i, ++next) {
      records_.push_back({good[next].header, from[next], source});
      const uint64_t extent = RecordExtent(from[next].stored_length);
      appended_bytes_ += extent;
      unwritten_bytes_ += extent;
      expected_bytes_ -= std::min(expected_bytes_, extent);
    }
    WriteOutSome();
  }
  return absl::OkStatus();
}

absl::Status PackCompaction::OpenCopy(PackClass pack_class) {
  const RepositoryOptions& options = parts_.context->options;
  // What is about to be written, or a whole pack; with header and footer.
  const uint64_t records = std::min(expected_bytes_, options.pack_bytes);
  const uint64_t footer =
      kPackEntryBytes *
      std::min<uint64_t>(records / kRecordAlignment / 2, options.pack_records);
  RETURN_IF_ERROR(
      parts_.context->gate->CheckCopy(records + footer + 2 * kPackBlockBytes));
  ASSIGN_OR_RETURN(copy_, parts_.packs->CreateOutside(pack_class));
  return absl::OkStatus();
}

void PackCompaction::WriteOutSome() {
  if (unwritten_bytes_ < kWriteOutBytes || writing_.exchange(true)) return;
  unwritten_bytes_ = 0;
  const absl::Status scheduled = tasks_.Schedule([this, copy = copy_] {
    // What fails lets the latch fall, which the next step sees.
    copy->WriteOut().IgnoreError();
    writing_ = false;
  });
  // Nothing rests on it: the end of the copy syncs all of it.
  if (!scheduled.ok()) writing_ = false;
}

void PackCompaction::AbandonCopy() {
  if (copy_ == nullptr) return;
  tasks_.AwaitIdle();
  const absl::Status removed = parts_.packs->RemoveOutside(*copy_);
  if (!removed.ok()) {
    LOG(WARNING) << "unfinished copy stays until the next start pack="
                 << copy_->uuid().ToString() << " error=" << removed.ToString();
  }
  copy_ = nullptr;
  records_.clear();
}

absl::Status PackCompaction::FinishCopy(const Call& call) {
  if (copy_ == nullptr) return absl::OkStatus();
  tasks_.AwaitIdle();
  unwritten_bytes_ = 0;
  ASSIGN_OR_RETURN(const PackWriter::Contents contents, copy_->Finish());
  RETURN_IF_ERROR(ProveCopy(call, contents));
  const uint32_t number = copy_->number();
  RETURN_IF_ERROR(CheckCancelled(call));
  const absl::StatusOr<uint64_t> moved = Move(contents);
  if (copy_ == nullptr) records_.clear();
  RETURN_IF_ERROR(moved.status());
  parts_.context->metrics->sealed_packs.Increment();
  ++outcome_.new_packs;
  outcome_.new_bytes += contents.file_bytes;
  return BuryEmpty(*moved == 0 ? std::vector<uint32_t>{number}
                               : std::vector<uint32_t>{});
}

absl::Status PackCompaction::ProveCopy(const Call& call,
                                       const PackWriter::Contents& contents) {
  const PackSet::FileOfPack file = {copy_->uuid(), copy_->file()};
  ASSIGN_OR_RETURN(const std::optional<PackContents> footer,
                   ReadPackFooter(file.uuid, contents.file_bytes,
                                  [&](uint64_t offset, size_t length) {
                                    return file.file->ReadAt(offset, length);
                                  }));
  if (!footer.has_value() ||
      footer->entries.size() != contents.records.size()) {
    return WithReason(
        absl::ResourceExhaustedError(absl::StrCat(
            "copy into pack ", file.uuid.ToString(), " has no footer")),
        reason::kStorageFull);
  }
  const std::vector<RecordPiece> pieces =
      CutPieces(contents.records, kPieceBytes);
  for (const RecordPiece& part : pieces) {
    RETURN_IF_ERROR(CheckCancelled(call));
    ASSIGN_OR_RETURN(ReadPiece piece,
                     ReadRecords(file, contents.records, part));
    ProvePayloads(file.uuid,
                  std::span(contents.records).subspan(part.first, part.count),
                  std::span(&piece, 1));
    for (size_t i = 0; i < part.count; ++i) {
      RETURN_IF_ERROR(piece.records[i].status());
      const size_t at = part.first + i;
      // The payload digest is in it, and both payloads have that digest.
      if (piece.records[i]->header == records_[at].header &&
          footer->entries[at].key == records_[at].header.key) {
        continue;
      }
      return absl::DataLossError(absl::StrCat(
          "copy of ", contents.records[at].key.ToString(), " in pack ",
          file.uuid.ToString(), " is another record"));
    }
  }
  return absl::OkStatus();
}

SealedPack PackCompaction::RowOf(const PackWriter::Contents& contents) const {
  SealedPack row = {.number = copy_->number(),
                    .uuid = copy_->uuid(),
                    .pack_class = copy_->pack_class(),
                    .file_bytes = contents.file_bytes,
                    .highest_sequence = contents.highest_sequence,
                    .highest_epoch = contents.highest_epoch};
  // The payloads are those that were proved in the sources.
  std::optional<absl::Time> proof = absl::InfiniteFuture();
  for (const CopiedRecord& record : records_) {
    proof = Earlier(proof, sources_[record.source].pack.proof_time);
  }
  row.proof_time = proof;
  row.presence_time = parts_.context->clock->Now();
  return row;
}

absl::StatusOr<uint64_t> PackCompaction::Move(
    const PackWriter::Contents& contents) {
  const uint32_t number = copy_->number();
  const auto sets = parts_.sets->BeginMove(
      number, static_cast<uint32_t>(contents.records.size()));
  const absl::Cleanup end = [&] { parts_.sets->EndMove(number); };
  RETURN_IF_ERROR(parts_.packs->CommitSealed(RowOf(contents), {}, {}));
  // From here on it is a pack as any other, whatever comes.
  copy_ = nullptr;
  std::array<std::vector<size_t>, PlaceTable::kShards> by_shard;
  for (size_t i = 0; i < contents.records.size(); ++i) {
    by_shard[PlaceTable::ShardOf(contents.records[i].key)].push_back(i);
  }
  uint64_t moved = 0;
  for (const std::vector<size_t>& of_shard : by_shard) {
    for (std::span<const size_t> rest = of_shard; !rest.empty();) {
      const size_t count = std::min(rest.size(), kKeysPerStep);
      ASSIGN_OR_RETURN(const uint64_t step,
                       MoveStep(sets, contents, rest.first(count)));
      moved += step;
      rest = rest.subspan(count);
    }
  }
  return moved;
}

absl::StatusOr<uint64_t> PackCompaction::MoveStep(
    const std::vector<std::shared_ptr<MarkSet>>& sets,
    const PackWriter::Contents& contents, std::span<const size_t> indexes) {
  std::vector<RecordKey> keys;
  for (const size_t index : indexes)
    keys.push_back(contents.records[index].key);
  // As in a drop: reads the rows in before pins have to wait.
  RETURN_IF_ERROR(parts_.context->places->Find(parts_.number, keys).status());
  std::vector<bool> here(keys.size(), false);
  std::vector<bool> moves(keys.size(), false);
  RETURN_IF_ERROR(parts_.packs->ChangeSealed(
      guard_, keys, [&](size_t i, const SealedRecord& record) -> SealedFate {
        const size_t index = indexes[i];
        here[i] = record.place.SameBytes(records_[index].from);
        // Bad: a read has found it damaged since, and says so for good.
        if (!here[i] || record.superseded || record.place.bad) return {};
        moves[i] = true;
        return {.what = SealedFate::What::kMove,
                .place = contents.records[index].place};
      }));
  uint64_t moved = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const CopiedRecord& record = records_[indexes[i]];
    const Place& place = contents.records[indexes[i]].place;
    if (here[i] && !moves[i]) continue;
    --sources_[record.source].left;
    if (!moves[i]) continue;
    ++moved;
    Add(outcome_.copied, place);
    for (const auto& set : sets) set->Moved(record.from, place);
  }
  return moved;
}

absl::Status PackCompaction::BuryEmpty(const std::vector<uint32_t>& also) {
  std::vector<uint32_t> dead = also;
  for (Source& source : sources_) {
    if (!source.consumed || source.buried || source.left > 0) continue;
    // Its records may still be in an open copy.
    dead.push_back(source.pack.number);
    source.buried = true;
  }
  if (dead.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const PackSet::Buried buried, parts_.packs->Bury(dead));
  for (const uint32_t pack : dead) parts_.sets->DropPack(pack);
  outcome_.removed.packs += buried.packs;
  outcome_.removed.bytes += buried.bytes;
  return absl::OkStatus();
}

}  // namespace cairn::chunk_storage
