#include "client/backup/chunk_sender.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/backup/chunk_plan.h"
#include "client/backup/frame_cutter.h"
#include "client/backup/send_attempts.h"
#include "client/transfer/task_result.h"
#include "common/chunking/chunker.h"
#include "common/chunking/zero_run.h"
#include "common/compression/zstd.h"
#include "common/concurrency/batcher.h"
#include "common/digest/sha256_batch.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"

namespace cairn::client {
namespace {

using ingest::v1::WriteChunksRequest;

// Most bytes of a payload in one message.
constexpr size_t kFragmentBytes = 1024 * 1024;

// A piece of the source of which all is known but whether it is sent.
struct HashedPiece {
  CutPiece piece;  // a hole, if it was all zero
  Digest digest;
};

// A piece that waits for its digest.
struct HashRequest {
  CutPiece piece;
  TaskResult<HashedPiece>::Promise promise;
};

void Hash(std::span<HashRequest> requests) {
  std::vector<std::string_view> messages;
  for (HashRequest& request : requests) {
    CutPiece& piece = request.piece;
    if (IsAllZero(piece.bytes)) {
      piece.hole_bytes = piece.bytes.size();
      piece.bytes = std::string();
    } else {
      messages.push_back(piece.bytes);
    }
  }
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  auto digest = digests.begin();
  for (HashRequest& request : requests) {
    HashedPiece hashed = {.piece = std::move(request.piece)};
    if (hashed.piece.hole_bytes == 0) hashed.digest = *digest++;
    request.promise.Set(std::move(hashed));
  }
}

std::optional<uint64_t> NumberIn(const Reason& reason, const char* key) {
  const auto found = reason.metadata.find(key);
  uint64_t number = 0;
  if (found == reason.metadata.end() ||
      !absl::SimpleAtoi(found->second, &number)) {
    return std::nullopt;
  }
  return number;
}

}  // namespace

// One WriteChunks stream.
class ChunkSender::Attempt {
 public:
  Attempt(ChunkSender* sender, Source* source, const Place& start)
      : sender_(sender),
        source_(source),
        start_(start),
        stream_({.archive = sender->options_.archive,
                 .flush_interval_bytes = sender->options_.flush_interval_bytes},
                sender->environment_.remote->StartWriteChunks(),
                sender->environment_.budget, &sender->totals_),
        plan_(sender->by_place_, start.offset, start.base_offset,
              &sender->base_, &sender->refused_),
        hasher_(sender->environment_.executor, kSha256Lanes, Hash) {}

  absl::StatusOr<SentArchive> Run();

 private:
  absl::Status Begin();
  absl::StatusOr<SentArchive> End();
  // Reads one frame and starts to hash what it completes.
  absl::StatusOr<SourceStep::Kind> Read();
  void StartHashing(CutPiece piece);
  // Decides about the hashed pieces that are ready, in order.
  void DecideReady();
  // Waits for the first piece that is hashed and decides about it.
  void DecideFront();
  // Sends what is ready, in order.
  absl::Status SendReady();
  absl::Status SendFront();
  absl::Status SendChunk(const PlannedPiece& piece);
  // Waits for the first of what is on its way.
  absl::Status WaitForFront();
  // Sends all that was cut.
  absl::Status Drain();

  ChunkSender* const sender_;
  Source* const source_;
  const Place start_;
  ArchiveStream<WriteChunksRequest> stream_;
  ChunkPlan plan_;
  std::optional<FrameCutter> cutter_;
  Batcher<HashRequest> hasher_;
  // What the executor works on, and how much of in_flight_ it is.
  template <typename T>
  struct Task {
    TaskResult<T> result;
    uint64_t cost = 0;
  };
  std::deque<Task<HashedPiece>> hashing_;
  // Of the pieces of the plan that are chunks, in order.
  std::deque<Task<EncodedPayload>> payloads_;
  uint64_t in_flight_ = 0;
};

absl::StatusOr<SentArchive> ChunkSender::Attempt::Run() {
  RETURN_IF_ERROR(Begin());
  while (true) {
    RETURN_IF_ERROR(stream_.Advance(*source_));
    DecideReady();
    RETURN_IF_ERROR(SendReady());
    if (in_flight_ >= kMaxInFlightBytes) {
      RETURN_IF_ERROR(WaitForFront());
      continue;
    }
    ASSIGN_OR_RETURN(const SourceStep::Kind kind, Read());
    if (kind == SourceStep::Kind::kEnd) return End();
    if (kind == SourceStep::Kind::kFull) {
      RETURN_IF_ERROR(Drain());
      RETURN_IF_ERROR(stream_.WaitForRoom());
    }
  }
}

absl::Status ChunkSender::Attempt::Begin() {
  WriteChunksRequest begin;
  begin.mutable_begin()->set_session(sender_->options_.session);
  begin.mutable_begin()->set_archive(sender_->options_.archive);
  begin.mutable_begin()->set_kind(sender_->options_.kind);
  begin.mutable_begin()->set_resume_offset(start_.offset);
  ASSIGN_OR_RETURN(const model::v1::ChunkerSpec proto,
                   stream_.Begin(std::move(begin), start_.offset));
  const absl::StatusOr<ChunkerSpec> spec = FromProto(proto);
  absl::StatusOr<std::unique_ptr<Chunker>> chunker =
      spec.ok() ? NewChunker(*spec) : spec.status();
  if (!chunker.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "archive ", sender_->options_.archive, ": the server has it cut by ",
        proto.name(), ", which this client cannot do (",
        chunker.status().message(), "); update it, or send with --way=stream"));
  }
  cutter_.emplace(*std::move(chunker), start_.offset);
  return absl::OkStatus();
}

absl::StatusOr<SourceStep::Kind> ChunkSender::Attempt::Read() {
  ASSIGN_OR_RETURN(SourceStep step, source_->Next());
  if (step.kind == SourceStep::Kind::kFrame) {
    sender_->read_bytes_ += step.frame.length();
    for (CutPiece& piece : cutter_->Add(std::move(step.frame))) {
      StartHashing(std::move(piece));
    }
  }
  return step.kind;
}

void ChunkSender::Attempt::StartHashing(CutPiece piece) {
  const uint64_t cost =
      std::max<uint64_t>(piece.bytes.size(), ChunkSender::kMinChunkCost);
  in_flight_ += cost;
  if (piece.hole_bytes > 0) {
    hashing_.push_back(
        {.result = TaskResult<HashedPiece>::Of({.piece = std::move(piece)}),
         .cost = cost});
    return;
  }
  auto [result, promise] = TaskResult<HashedPiece>::Pending();
  hashing_.push_back({.result = std::move(result), .cost = cost});
  hasher_.Add({.piece = std::move(piece), .promise = std::move(promise)});
}

void ChunkSender::Attempt::DecideReady() {
  while (!hashing_.empty() && hashing_.front().result.ready()) DecideFront();
}

void ChunkSender::Attempt::DecideFront() {
  HashedPiece hashed = hashing_.front().result.Take();
  const uint64_t cost = hashing_.front().cost;
  hashing_.pop_front();
  CutPiece& piece = hashed.piece;
  const uint64_t decided = piece.end();
  bool is_sent = false;
  if (piece.hole_bytes > 0) {
    plan_.AddHole(piece.offset, piece.hole_bytes);
  } else if (plan_.AddChunk(piece.offset, piece.length(), hashed.digest)) {
    is_sent = true;
    payloads_.push_back({.result = TaskResult<EncodedPayload>::Start(
                             sender_->environment_.executor,
                             [bytes = std::move(piece.bytes),
                              level = sender_->options_.zstd_level]() mutable {
                               return EncodeOwnChunk(std::move(bytes), level);
                             }),
                         .cost = cost});
  }
  if (!is_sent) in_flight_ -= cost;
  const auto [offset, base_offset] = plan_.last_match();
  sender_->NoteMatch({.offset = offset, .base_offset = base_offset});
  (*sender_->environment_.progress)(
      TransferProgress{.archive = sender_->options_.archive,
                       .bytes = decided,
                       .size_bytes = source_->size_bytes()});
}

absl::Status ChunkSender::Attempt::SendReady() {
  while (const PlannedPiece* front = plan_.front()) {
    if (front->kind == PlannedPiece::Kind::kChunk &&
        !payloads_.front().result.ready()) {
      break;
    }
    RETURN_IF_ERROR(SendFront());
  }
  return absl::OkStatus();
}

absl::Status ChunkSender::Attempt::SendFront() {
  const PlannedPiece piece = plan_.Pop();
  if (piece.kind == PlannedPiece::Kind::kChunk) {
    RETURN_IF_ERROR(SendChunk(piece));
    return stream_.FlushIfDue(piece.end());
  }
  WriteChunksRequest request;
  if (piece.kind == PlannedPiece::Kind::kHole) {
    request.mutable_hole()->set_offset(piece.offset);
    request.mutable_hole()->set_length(piece.length);
  } else {
    auto* reuse = request.mutable_reuse();
    reuse->set_offset(piece.offset);
    reuse->set_length(piece.length);
    reuse->set_check(std::string(piece.check.view()));
    if (piece.kind == PlannedPiece::Kind::kReuseBase) {
      reuse->mutable_base()->set_offset(piece.place);
    } else {
      reuse->set_sent_chunk(piece.place);
    }
    sender_->reused_bytes_ += piece.length;
  }
  RETURN_IF_ERROR(stream_.Send(std::move(request)));
  return stream_.FlushIfDue(piece.end());
}

absl::Status ChunkSender::Attempt::SendChunk(const PlannedPiece& piece) {
  EncodedPayload encoded = payloads_.front().result.Take();
  in_flight_ -= payloads_.front().cost;
  payloads_.pop_front();
  std::string& payload = encoded.payload;
  const uint64_t stored_length = payload.size();
  // Mostly there is none, and nothing is copied.
  std::string rest;
  if (stored_length > kFragmentBytes) {
    rest = payload.substr(kFragmentBytes);
    payload.resize(kFragmentBytes);
  }
  WriteChunksRequest request;
  auto* chunk = request.mutable_chunk();
  chunk->set_offset(piece.offset);
  chunk->set_length(piece.chunk_length);
  chunk->set_repeat(piece.length / piece.chunk_length);
  chunk->set_digest(std::string(piece.digest.view()));
  chunk->set_encoding(encoded.encoding == Encoding::kZstd
                          ? model::v1::ENCODING_ZSTD
                          : model::v1::ENCODING_RAW);
  chunk->set_stored_length(stored_length);
  chunk->set_payload(std::move(payload));
  RETURN_IF_ERROR(stream_.Send(std::move(request)));
  for (size_t at = 0; at < rest.size(); at += kFragmentBytes) {
    WriteChunksRequest more;
    more.set_fragment(rest.substr(at, kFragmentBytes));
    RETURN_IF_ERROR(stream_.Send(std::move(more)));
  }
  return absl::OkStatus();
}

absl::Status ChunkSender::Attempt::WaitForFront() {
  if (plan_.front() != nullptr) return SendFront();
  if (!hashing_.empty()) {
    DecideFront();
    return absl::OkStatus();
  }
  // Only the last piece is left, which is not to grow any more.
  plan_.Close();
  return absl::OkStatus();
}

absl::Status ChunkSender::Attempt::Drain() {
  while (!hashing_.empty() || !plan_.empty()) {
    RETURN_IF_ERROR(stream_.Advance(*source_));
    RETURN_IF_ERROR(WaitForFront());
  }
  return absl::OkStatus();
}

absl::StatusOr<SentArchive> ChunkSender::Attempt::End() {
  if (std::optional<CutPiece> last = cutter_->Cut()) {
    StartHashing(*std::move(last));
  }
  RETURN_IF_ERROR(Drain());
  WriteChunksRequest end;
  end.mutable_end()->set_size_bytes(source_->position());
  ASSIGN_OR_RETURN(ingest::v1::WriteFinished finished,
                   stream_.End(std::move(end)));
  SentArchive sent = sender_->Count(source_->position());
  if (start_.offset == 0) {
    sent.statistics = std::move(*finished.mutable_statistics());
  }
  return sent;
}

ChunkSender::ChunkSender(const SendOptions& options,
                         const std::string& base_archive,
                         const Environment& environment)
    : options_(options),
      environment_(environment),
      by_place_(options.kind == model::v1::ARCHIVE_KIND_IMAGE),
      base_({.archive = base_archive, .look_ahead = !by_place_},
            environment.catalog) {}

absl::StatusOr<SentArchive> ChunkSender::Send(Source& source, uint64_t offset) {
  return SendByAttempts(
      options_, offset,
      {.attempt = [&](uint64_t from) -> absl::StatusOr<SentArchive> {
         RETURN_IF_ERROR(source.Rewind(from));
         const Place start = PlaceAt(from);
         base_.Restart(start.base_offset);
         return Attempt(this, &source, start).Run();
       },
       .recover =
           [this](const absl::Status& error) {
             return HasReason(error, reason::kReuseRefused)
                        ? NoteRefusal(error)
                        : environment_.budget->WaitAfter(error);
           },
       .count = [this](uint64_t size_bytes) { return Count(size_bytes); }},
      *environment_.remote, *environment_.budget);
}

SentArchive ChunkSender::Count(uint64_t size_bytes) const {
  return {.size_bytes = size_bytes,
          .read_bytes = read_bytes_,
          .sent_bytes = totals_.sent_bytes,
          .reused_bytes = reused_bytes_};
}

absl::Status ChunkSender::NoteRefusal(const absl::Status& error) {
  const std::optional<Reason> reason = ReasonOf(error);
  const uint64_t offset = NumberIn(*reason, "offset").value_or(0);
  // 0, which refuses everything, if the server does not say what.
  const uint64_t length = NumberIn(*reason, "length").value_or(0);
  return refused_.Add(offset, length) ? absl::OkStatus() : error;
}

void ChunkSender::NoteMatch(const Place& match) {
  while (!matches_.empty() && matches_.back().offset >= match.offset) {
    matches_.pop_back();
  }
  // What is as far apart as before tells nothing new; differences may wrap.
  if (matches_.empty() ||
      matches_.back().base_offset - matches_.back().offset !=
          match.base_offset - match.offset) {
    matches_.push_back(match);
  }
  // Of those that are durable only the last is of use.
  while (matches_.size() > kMaxMatches ||
         (matches_.size() > 1 && matches_[1].offset <= totals_.durable_bytes)) {
    matches_.pop_front();
  }
}

ChunkSender::Place ChunkSender::PlaceAt(uint64_t offset) const {
  Place place = {.offset = offset, .base_offset = offset};
  if (by_place_) return place;
  for (const Place& match : matches_) {
    if (match.offset > offset) break;
    place.base_offset = match.base_offset + (offset - match.offset);
  }
  return place;
}

}  // namespace cairn::client
