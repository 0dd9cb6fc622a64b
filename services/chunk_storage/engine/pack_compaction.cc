#include "services/chunk_storage/engine/pack_compaction.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/log/log.h"
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
      readers_(parts.context->background) {}

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
  RETURN_IF_ERROR(CopyRecords(call, source, records));
  sources_[source].consumed = true;
  return absl::OkStatus();
}

// While one batch is written, the next one is read and proved.
absl::Status PackCompaction::CopyRecords(
    const Call& call, size_t source, std::span<const PlacedRecord> records) {
  const uint32_t pack = sources_[source].pack.number;
  const std::vector<RecordPiece> pieces = CutPieces(records, kPieceBytes);
  std::span<const RecordPiece> rest = pieces;
  const auto take = [&rest] {
    const auto batch = rest.first(BatchSize(rest, kPieceBytes));
    rest = rest.subspan(batch.size());
    return batch;
  };
  std::span<const RecordPiece> next = take();
  RETURN_IF_ERROR(PassThrottle(call, next));
  absl::StatusOr<std::vector<ReadPiece>> read =
      ReadBatch(pack, records, next, rest);
  while (!next.empty()) {
    if (absl::IsDataLoss(read.status())) {
      AddDamaged(pack);  // its file is gone: nothing to copy
      break;
    }
    RETURN_IF_ERROR(read.status());
    const std::vector<ReadPiece> current = *std::move(read);
    const std::span<const RecordPiece> batch = std::exchange(next, take());
    const auto read_next = [&, ahead = rest] {
      read = ReadBatch(pack, records, next, ahead);
    };
    RETURN_IF_ERROR(PassThrottle(call, next));
    const bool is_beside = readers_.Schedule(read_next).ok();
    const absl::Status copied =
        CopyBatch(call, source, records, batch, current);
    readers_.AwaitIdle();
    RETURN_IF_ERROR(copied);
    if (!is_beside) read_next();
  }
  return absl::OkStatus();
}

absl::Status PackCompaction::PassThrottle(const Call& call,
                                          std::span<const RecordPiece> batch) {
  for (const RecordPiece& piece : batch) {
    RETURN_IF_ERROR(throttle_.Pass(call, piece.length));
  }
  return absl::OkStatus();
}

// Where every other record stays, each piece is one record; their digests are
// found side by side all the same.
absl::StatusOr<std::vector<ReadPiece>> PackCompaction::ReadBatch(
    uint32_t pack, std::span<const PlacedRecord> records,
    std::span<const RecordPiece> batch,
    std::span<const RecordPiece> ahead) const {
  std::vector<ReadPiece> read;
  if (batch.empty()) return read;
  RETURN_IF_ERROR(parts_.context->latch->Check());
  ASSIGN_OR_RETURN(const PackSet::FileOfPack file,
                   parts_.packs->OpenForRead(pack));
  for (const RecordPiece& piece : ahead.first(BatchSize(ahead, kPieceBytes))) {
    file.file->Prefetch(piece.offset, piece.length);
  }
  read.reserve(batch.size());
  for (const RecordPiece& piece : batch) {
    ASSIGN_OR_RETURN(ReadPiece one, ReadRecords(file, records, piece));
    read.push_back(std::move(one));
  }
  ProvePayloads(file.uuid, records.subspan(batch.front().first), read);
  return read;
}

absl::Status PackCompaction::CopyBatch(const Call& call, size_t source,
                                       std::span<const PlacedRecord> records,
                                       std::span<const RecordPiece> batch,
                                       std::span<const ReadPiece> read) {
  RETURN_IF_ERROR(parts_.context->latch->Check());
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
    ASSIGN_OR_RETURN(
        const size_t fitted,
        copy_->Append(call, std::span(good).subspan(next),
                      std::span<const Place>(from).subspan(next), source));
    if (fitted == 0) {
      RETURN_IF_ERROR(FinishCopy(call));
      continue;
    }
    for (size_t i = 0; i < fitted; ++i, ++next) {
      const uint64_t extent = RecordExtent(from[next].stored_length);
      appended_bytes_ += extent;
      expected_bytes_ -= std::min(expected_bytes_, extent);
    }
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
  ASSIGN_OR_RETURN(copy_, PackCopy::Create(parts_, pack_class));
  return absl::OkStatus();
}

void PackCompaction::AbandonCopy() {
  if (copy_ == nullptr) return;
  const absl::Status removed = copy_->Remove();
  if (!removed.ok()) {
    LOG(WARNING) << "unfinished copy stays until the next start pack="
                 << copy_->uuid().ToString() << " error=" << removed.ToString();
  }
  copy_ = nullptr;
}

absl::Status PackCompaction::FinishCopy(const Call& call) {
  if (copy_ == nullptr) return absl::OkStatus();
  ASSIGN_OR_RETURN(const PackWriter::Contents contents, copy_->Finish(call));
  RETURN_IF_ERROR(CheckCancelled(call));
  const uint32_t number = copy_->number();
  ASSIGN_OR_RETURN(const uint64_t moved, Move(contents));
  parts_.context->metrics->sealed_packs.Increment();
  ++outcome_.new_packs;
  outcome_.new_bytes += contents.file_bytes;
  return BuryEmpty(moved == 0 ? std::vector<uint32_t>{number}
                              : std::vector<uint32_t>{});
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
  for (const PackCopy::Record& record : copy_->records()) {
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
  const std::unique_ptr<PackCopy> copy = std::move(copy_);
  std::array<std::vector<size_t>, PlaceTable::kShards> by_shard;
  for (size_t i = 0; i < contents.records.size(); ++i) {
    by_shard[PlaceTable::ShardOf(contents.records[i].key)].push_back(i);
  }
  uint64_t moved = 0;
  for (const std::vector<size_t>& of_shard : by_shard) {
    for (std::span<const size_t> rest = of_shard; !rest.empty();) {
      const size_t count = std::min(rest.size(), kKeysPerStep);
      ASSIGN_OR_RETURN(const uint64_t step,
                       MoveStep(sets, *copy, contents, rest.first(count)));
      moved += step;
      rest = rest.subspan(count);
    }
  }
  return moved;
}

absl::StatusOr<uint64_t> PackCompaction::MoveStep(
    const std::vector<std::shared_ptr<MarkSet>>& sets, const PackCopy& copy,
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
        here[i] = record.place.SameBytes(copy.records()[index].from);
        // Bad: a read has found it damaged since, and says so for good.
        if (!here[i] || record.superseded || record.place.bad) return {};
        moves[i] = true;
        return {.what = SealedFate::What::kMove,
                .place = contents.records[index].place};
      }));
  uint64_t moved = 0;
  for (size_t i = 0; i < keys.size(); ++i) {
    const PackCopy::Record& record = copy.records()[indexes[i]];
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
