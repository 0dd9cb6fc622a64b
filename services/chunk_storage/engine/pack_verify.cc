#include "services/chunk_storage/engine/pack_verify.h"

#include <algorithm>
#include <span>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256_batch.h"
#include "common/pack/pack_scanner.h"
#include "common/status/status_macros.h"

namespace cairn::chunk_storage {
namespace {

struct Failure {
  PlacedRecord record;
  std::string why;
};

// What pieces of a pack came to.
struct Tally {
  RecordSum records;
  uint64_t plain_bytes = 0;
  std::vector<Failure> failures;
};

void AddProved(Tally& tally, const PlacedRecord& record) {
  ++tally.records.records;
  tally.records.bytes += record.place.stored_length;
  tally.plain_bytes += record.place.plain_length;
}

absl::Status WrongPlain(const RecordKey& key, uint64_t length,
                        const Digest& digest) {
  return absl::DataLossError(absl::StrCat(key.ToString(), " decodes to ",
                                          length, " bytes of digest ",
                                          digest.ToHex()));
}

// Of records whose payloads are proved, kSha256Lanes at most.
void ProvePlain(std::span<const PlacedRecord> records,
                std::span<const absl::StatusOr<ReadRecord>> read,
                Tally& tally) {
  std::vector<size_t> decoded;
  std::vector<std::string> plain;
  const auto fail = [&](size_t i, const absl::Status& why) {
    tally.failures.push_back({records[i], std::string(why.message())});
  };
  for (size_t i = 0; i < records.size(); ++i) {
    if (!read[i].ok()) {
      fail(i, read[i].status());
      continue;
    }
    const RecordHeader& header = read[i]->header;
    if (!header.key.domain.is_plaintext() || IsEncrypted(header.encoding)) {
      AddProved(tally, records[i]);  // only its owner's key opens it
      continue;
    }
    if (header.encoding == Encoding::kRaw) {
      if (header.payload_digest == header.key.digest) {
        AddProved(tally, records[i]);
      } else {
        fail(i, WrongPlain(header.key, read[i]->payload.size(),
                           header.payload_digest));
      }
      continue;
    }
    absl::StatusOr<std::string> bytes =
        DecodePayload(header.encoding, read[i]->payload, header.plain_length);
    if (!bytes.ok()) {
      fail(i, bytes.status());
      continue;
    }
    decoded.push_back(i);
    plain.push_back(*std::move(bytes));
  }
  const std::vector<std::string_view> messages(plain.begin(), plain.end());
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  for (size_t i = 0; i < decoded.size(); ++i) {
    const RecordKey& key = records[decoded[i]].key;
    if (digests[i] == key.digest) {
      AddProved(tally, records[decoded[i]]);
    } else {
      fail(decoded[i], WrongPlain(key, plain[i].size(), digests[i]));
    }
  }
}

absl::StatusOr<Tally> VerifyDeep(const PackSet::FileOfPack& file,
                                 std::span<const PlacedRecord> records,
                                 const RecordPiece& part) {
  Tally tally;
  ASSIGN_OR_RETURN(ReadPiece piece, ReadRecords(file, records, part));
  records = records.subspan(part.first, part.count);
  ProvePayloads(file.uuid, records, std::span(&piece, 1));
  const std::span<const absl::StatusOr<ReadRecord>> read = piece.records;
  for (size_t at = 0; at < records.size(); at += kSha256Lanes) {
    const size_t count = std::min(kSha256Lanes, records.size() - at);
    ProvePlain(records.subspan(at, count), read.subspan(at, count), tally);
  }
  return tally;
}

absl::StatusOr<Tally> VerifyLight(const PackSet::FileOfPack& file,
                                  std::span<const PlacedRecord> records,
                                  const RecordPiece& part) {
  Tally tally;
  ASSIGN_OR_RETURN(const uint64_t file_bytes, file.file->Size());
  for (const PlacedRecord& record : records.subspan(part.first, part.count)) {
    const Place& place = record.place;
    const absl::StatusOr<RecordHeader> header = ReadPackRecordHeader(
        file.uuid, place.offset, [&](uint64_t offset, size_t length) {
          return file.file->ReadAt(offset, length);
        });
    if (!header.ok() && !absl::IsDataLoss(header.status())) {
      return header.status();
    }
    if (!header.ok()) {
      tally.failures.push_back(
          {record, std::string(header.status().message())});
    } else if (header->key != record.key ||
               header->stored_length != place.stored_length) {
      tally.failures.push_back(
          {record, absl::StrCat("pack ", file.uuid.ToString(), " at ",
                                place.offset, ": holds another record")});
    } else if (place.offset + kRecordHeaderBytes + place.stored_length >
               file_bytes) {
      tally.failures.push_back(
          {record, absl::StrCat("pack ", file.uuid.ToString(), " has ",
                                file_bytes, " bytes and ends before it")});
    } else {
      AddProved(tally, record);
    }
  }
  return tally;
}

}  // namespace

// A pack of the call. What pieces come to is guarded by the Shared's mutex.
struct PackVerify::Job {
  SealedPack pack;
  PackSet::FileOfPack file;
  std::vector<PlacedRecord> records;  // that are to be proved
  bool whole = false;                 // they are all that are there
  size_t pieces_left = 0;
  Tally tally;
};

// What the caller and the tasks share.
struct PackVerify::Shared {
  struct Work {
    std::shared_ptr<Job> job;
    RecordPiece piece;
  };

  absl::Mutex mutex;
  std::deque<Work> queue ABSL_GUARDED_BY(mutex);
  uint32_t tasks ABSL_GUARDED_BY(mutex) = 0;
  absl::Status error ABSL_GUARDED_BY(mutex);
};

PackVerify::PackVerify(const SweepParts& parts, std::shared_ptr<MarkSet> set,
                       VerifyDepth depth, uint64_t read_bytes_per_second)
    : parts_(parts),
      set_(std::move(set)),
      depth_(depth),
      listing_(parts.context, parts.number, parts.packs),
      throttle_(read_bytes_per_second, parts.context->executor,
                parts.context->clock),
      shared_(std::make_shared<Shared>()) {}

PackVerify::~PackVerify() {
  absl::MutexLock lock(&shared_->mutex);
  shared_->queue.clear();
  const auto idle = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return shared_->tasks == 0;
  };
  parts_.context->executor->Await(&shared_->mutex, absl::Condition(&idle),
                                  absl::InfiniteDuration());
}

absl::StatusOr<std::shared_ptr<PackVerify::Job>> PackVerify::Begin(
    const Call& call, uint32_t number) const {
  const auto pack = parts_.packs->FindSealed(number);
  if (!pack.ok()) return nullptr;
  auto job = std::make_shared<Job>();
  job->pack = *pack;
  std::optional<PackMarks> marks;
  if (set_ != nullptr) {
    marks = set_->Find(number);
    if (!marks.has_value()) return nullptr;
  }
  ASSIGN_OR_RETURN(const auto lists,
                   listing_.List(call, std::span(&job->pack, 1)));
  const auto file = parts_.packs->OpenForRead(number);
  if (!file.ok() && !absl::IsDataLoss(file.status())) return file.status();
  if (file.ok()) job->file = *file;
  for (const PlacedRecord& record : lists[0]) {
    if (marks.has_value() && !marks->marked.Test(record.place.ordinal)) {
      continue;
    }
    if (!file.ok() || record.place.bad) {
      job->tally.failures.push_back(
          {record, file.ok() ? "marked bad before"
                             : std::string(file.status().message())});
    } else {
      job->records.push_back(record);
    }
  }
  job->whole = job->records.size() == lists[0].size();
  return job;
}

void PackVerify::RunPiece(Job& job, const RecordPiece& piece) const {
  absl::StatusOr<Tally> tally = depth_ == VerifyDepth::kDeep
                                    ? VerifyDeep(job.file, job.records, piece)
                                    : VerifyLight(job.file, job.records, piece);
  absl::MutexLock lock(&shared_->mutex);
  --job.pieces_left;
  if (!tally.ok()) {
    if (shared_->error.ok()) shared_->error = tally.status();
    return;
  }
  job.tally.records.records += tally->records.records;
  job.tally.records.bytes += tally->records.bytes;
  job.tally.plain_bytes += tally->plain_bytes;
  std::move(tally->failures.begin(), tally->failures.end(),
            std::back_inserter(job.tally.failures));
}

bool PackVerify::RunNext() {
  Shared::Work work;
  {
    absl::MutexLock lock(&shared_->mutex);
    if (shared_->queue.empty()) return false;
    work = std::move(shared_->queue.front());
    shared_->queue.pop_front();
  }
  RunPiece(*work.job, work.piece);
  return true;
}

void PackVerify::AddTask() {
  {
    absl::MutexLock lock(&shared_->mutex);
    if (shared_->tasks + 1 >= parts_.context->options.verify_parallelism) {
      return;
    }
    ++shared_->tasks;
  }
  // Ends before this goes: the destructor waits. `shared` by itself, because
  // nothing of this may be used once the count is down.
  const auto work = [this, shared = shared_] {
    while (RunNext()) {
    }
    absl::MutexLock lock(&shared->mutex);
    --shared->tasks;
  };
  if (parts_.context->background->Schedule(work).ok()) return;
  absl::MutexLock lock(&shared_->mutex);
  --shared_->tasks;
}

absl::Status PackVerify::AddPieces(const Call& call,
                                   const std::shared_ptr<Job>& job, Take take) {
  const std::vector<RecordPiece> pieces = CutPieces(job->records, kPieceBytes);
  const size_t ahead = 2 * parts_.context->options.verify_parallelism;
  {
    absl::MutexLock lock(&shared_->mutex);
    job->pieces_left = pieces.size();
  }
  for (const RecordPiece& piece : pieces) {
    RETURN_IF_ERROR(throttle_.Pass(
        call, depth_ == VerifyDepth::kDeep ? piece.length
                                           : piece.count * kRecordHeaderBytes));
    RETURN_IF_ERROR(parts_.context->latch->Check());
    if (depth_ == VerifyDepth::kDeep) {
      job->file.file->Prefetch(piece.offset, piece.length);
    }
    bool crowded = false;
    {
      absl::MutexLock lock(&shared_->mutex);
      RETURN_IF_ERROR(shared_->error);
      shared_->queue.push_back({job, piece});
      crowded = shared_->queue.size() > ahead;
    }
    AddTask();
    if (crowded) RunNext();
  }
  return Emit(/*wait=*/false, take);
}

absl::Status PackVerify::Emit(bool wait, Take take) {
  while (!jobs_.empty()) {
    Job& job = *jobs_.front();
    while (wait && RunNext()) {
    }
    {
      absl::MutexLock lock(&shared_->mutex);
      const auto done = [&job]() { return job.pieces_left == 0; };
      if (wait) {
        parts_.context->executor->Await(&shared_->mutex, absl::Condition(&done),
                                        absl::InfiniteDuration());
      }
      RETURN_IF_ERROR(shared_->error);
      if (!done()) return absl::OkStatus();
    }
    RETURN_IF_ERROR(Finish(job, take));
    jobs_.pop_front();
  }
  return absl::OkStatus();
}

absl::Status PackVerify::Finish(Job& job, Take take) {
  VerifiedPack verified = {.pack = job.pack.number,
                           .records = job.tally.records,
                           .plain_bytes = job.tally.plain_bytes};
  std::sort(job.tally.failures.begin(), job.tally.failures.end(),
            [](const Failure& a, const Failure& b) {
              return a.record.place.offset < b.record.place.offset;
            });
  for (Failure& failure : job.tally.failures) {
    const RecordKey& key = failure.record.key;
    ASSIGN_OR_RETURN(const auto now, parts_.places->Find(std::span(&key, 1)));
    // Dropped or moved meanwhile: then these bytes are nobody's.
    if (!now[0].has_value() || !now[0]->SameBytes(failure.record.place)) {
      continue;
    }
    const absl::Status marked =
        parts_.places->MarkBad(key, failure.record.place, failure.why);
    if (absl::IsUnavailable(marked)) return marked;
    verified.damage.push_back({key, std::move(failure.why)});
  }
  Metrics& metrics = *parts_.context->metrics;
  metrics.verified_records.Increment(verified.records.records);
  metrics.verified_bytes.Increment(verified.records.bytes);
  metrics.verify_damaged_records.Increment(verified.damage.size());
  if (job.whole && job.tally.failures.empty()) {
    const absl::Time time = parts_.context->clock->Now();
    const absl::Status stamped = parts_.packs->Stamp(
        job.pack.number,
        depth_ == VerifyDepth::kDeep ? std::optional(time) : std::nullopt,
        time);
    // Full: it will be proved again.
    if (!stamped.ok() && !absl::IsResourceExhausted(stamped)) return stamped;
  }
  take(verified);
  return absl::OkStatus();
}

absl::Status PackVerify::Run(const Call& call,
                             const std::vector<uint32_t>& packs, Take take) {
  for (const uint32_t number : packs) {
    RETURN_IF_ERROR(CheckCancelled(call));
    ASSIGN_OR_RETURN(const std::shared_ptr<Job> job, Begin(call, number));
    if (job == nullptr) continue;
    jobs_.push_back(job);
    RETURN_IF_ERROR(AddPieces(call, job, take));
  }
  return Emit(/*wait=*/true, take);
}

}  // namespace cairn::chunk_storage
