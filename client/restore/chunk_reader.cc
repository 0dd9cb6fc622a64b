#include "client/restore/chunk_reader.h"

#include <algorithm>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256_batch.h"
#include "common/model/record.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/archive.h"

namespace cairn::client {
namespace {

using ingest::v1::ReadChunksRequest;
using ingest::v1::ReadChunksResponse;

// How much longer than its plain bytes a payload may be.
constexpr uint64_t kMaxGrowth = kMaxRecordStoredBytes - kMaxRecordPlainBytes;
// An entry counts as this at least.
constexpr uint64_t kMinCost = 1024;

absl::Status Damaged(const std::string& label, const PlacedEntry& placed,
                     std::string_view found) {
  return WithReason(
      absl::DataLossError(absl::StrCat(
          "archive ", label, ": chunk ", placed.entry.digest.ToHex(),
          " at bytes ", placed.offset, " to ",
          placed.offset + placed.entry.length, " cannot be proved: ", found)),
      reason::kRecordDamaged);
}

}  // namespace

void ChunkReader::Decode(const std::string& label,
                         std::span<StoredChunk> chunks) {
  std::vector<absl::StatusOr<std::string>> plain;
  for (StoredChunk& chunk : chunks) {
    plain.push_back(TakePlain(chunk.encoding, std::move(chunk.payload),
                              chunk.placed.entry.length));
  }
  // Only now: a short string moves with its bytes.
  std::vector<std::string_view> messages;
  for (const absl::StatusOr<std::string>& bytes : plain) {
    messages.push_back(bytes.ok() ? *bytes : std::string_view());
  }
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  for (size_t i = 0; i < chunks.size(); ++i) {
    const PlacedEntry& placed = chunks[i].placed;
    if (!plain[i].ok()) {
      plain[i] = Damaged(label, placed, plain[i].status().message());
    } else if (digests[i] != placed.entry.digest) {
      plain[i] = Damaged(label, placed,
                         absl::StrCat("its digest is ", digests[i].ToHex()));
    }
    chunks[i].promise.Set(std::move(plain[i]));
  }
}

ChunkReader::ChunkReader(const RangeOptions& options, CatalogRemote* remote,
                         RetryBudget* budget, const ProgressListener* progress,
                         Executor* executor)
    : options_(options),
      remote_(remote),
      budget_(budget),
      progress_(progress),
      decoder_(executor, kSha256Lanes,
               [label = options.label](std::span<StoredChunk> chunks) {
                 Decode(label, chunks);
               }),
      position_(options.offset) {}

absl::Status ChunkReader::Confusion(std::string_view what) const {
  return absl::InternalError(absl::StrCat("archive ", options_.label,
                                          ": the server's answer makes no "
                                          "sense at byte ",
                                          std::max(position_, arrived_), ": ",
                                          what));
}

absl::Status ChunkReader::Open() {
  while (true) {
    const absl::Status status = Connect();
    if (status.ok()) return status;
    stream_.reset();
    RETURN_IF_ERROR(budget_->WaitAfter(status));
  }
}

absl::Status ChunkReader::Connect() {
  ReadChunksRequest request;
  request.set_name(options_.archive);
  request.set_offset(position_);
  request.set_length(opened_ ? end_ - position_ : options_.length);
  stream_error_ = absl::OkStatus();
  arrived_ = 0;
  partial_.reset();
  stream_ = remote_->StartReadChunks(request);
  ASSIGN_OR_RETURN(const std::optional<ReadChunksResponse> first,
                   stream_->Next());
  if (!first.has_value()) return Confusion("it ended without a header");
  return TakeHeader(*first);
}

absl::Status ChunkReader::TakeHeader(const ReadChunksResponse& message) {
  if (!message.has_header()) return Confusion("no header at the beginning");
  const uint64_t size = message.header().archive().root().size_bytes();
  if (opened_) {
    return size == archive_size_bytes_
               ? absl::OkStatus()
               : Confusion("another size than before the connection was lost");
  }
  if (position_ > size) {
    return Confusion(absl::StrCat("the archive has ", size, " bytes"));
  }
  opened_ = true;
  archive_size_bytes_ = size;
  const uint64_t rest = size - position_;
  end_ = position_ +
         (options_.length == 0 ? rest : std::min(options_.length, rest));
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Frame>> ChunkReader::Next() {
  if (position_ == end_) {
    stream_.reset();
    return std::nullopt;
  }
  while (!current_.has_value()) {
    const bool is_next =
        !queue_.empty() &&
        (queue_.front().placed.entry.is_hole || queue_.front().plain.ready());
    const bool may_pull =
        stream_error_.ok() && arrived_ < end_ && in_flight_ < kMaxInFlightBytes;
    if (is_next || (!queue_.empty() && !may_pull)) {
      RETURN_IF_ERROR(BeginEntry());
    } else if (may_pull && stream_ != nullptr) {
      RETURN_IF_ERROR(Pull());
    } else {
      // All that came is written: go on behind it.
      stream_.reset();
      if (!stream_error_.ok()) {
        RETURN_IF_ERROR(budget_->WaitAfter(stream_error_));
      }
      RETURN_IF_ERROR(Open());
    }
  }
  Frame frame = NextFrame();
  budget_->Progress();
  (*progress_)(TransferProgress{.archive = options_.label,
                                .bytes = position_ - begin(),
                                .size_bytes = end_ - begin(),
                                .done = position_ == end_});
  return frame;
}

absl::Status ChunkReader::Pull() {
  absl::StatusOr<std::optional<ReadChunksResponse>> message = stream_->Next();
  if (!message.ok()) {
    stream_error_ = message.status();
    return absl::OkStatus();
  }
  if (!message->has_value()) {
    return Confusion(absl::StrCat("it ended before byte ", end_));
  }
  return Take(**std::move(message));
}

absl::Status ChunkReader::Take(ReadChunksResponse message) {
  if (message.has_fragment() != partial_.has_value()) {
    return Confusion("a chunk and its fragments do not follow each other");
  }
  if (message.has_fragment()) return TakePayload(message.fragment());
  if (message.has_entries()) return TakeHoles(message.entries());
  if (message.has_chunk())
    return TakeChunk(std::move(*message.mutable_chunk()));
  return Confusion("neither a chunk nor entries");
}

absl::Status ChunkReader::TakeEntry(const model::v1::ChunkEntry& proto,
                                    bool hole, PlacedEntry* placed) const {
  absl::StatusOr<PlacedEntry> read = FromProto(proto);
  if (!read.ok()) return Confusion(read.status().message());
  *placed = *std::move(read);
  if (placed->entry.is_hole != hole) {
    return Confusion("a chunk without its bytes, or a hole with some");
  }
  const uint64_t end = placed->offset + placed->entry.total_length();
  // The first entry may begin before the range.
  const bool follows = arrived_ == 0
                           ? placed->offset <= position_ && position_ < end
                           : placed->offset == arrived_ && arrived_ < end_;
  if (!follows || end > archive_size_bytes_) {
    return Confusion(absl::StrCat("bytes ", placed->offset, " to ", end));
  }
  return absl::OkStatus();
}

absl::Status ChunkReader::TakeHoles(const ReadChunksResponse::Entries& holes) {
  for (const model::v1::ChunkEntry& proto : holes.entries()) {
    Arrived hole = {.cost = kMinCost};
    RETURN_IF_ERROR(TakeEntry(proto, true, &hole.placed));
    arrived_ = hole.end();
    in_flight_ += hole.cost;
    queue_.push_back(std::move(hole));
  }
  return absl::OkStatus();
}

absl::Status ChunkReader::TakeChunk(ReadChunksResponse::Chunk chunk) {
  Partial partial = {.stored_length = chunk.stored_length()};
  RETURN_IF_ERROR(TakeEntry(chunk.entry(), false, &partial.placed));
  const ChunkEntry& entry = partial.placed.entry;
  switch (chunk.encoding()) {
    case model::v1::ENCODING_RAW:
      partial.encoding = Encoding::kRaw;
      break;
    case model::v1::ENCODING_ZSTD:
      partial.encoding = Encoding::kZstd;
      break;
    default:
      return absl::FailedPreconditionError(absl::StrCat(
          "archive ", options_.label, ": chunk ", entry.digest.ToHex(),
          " is stored in an encoding that this client cannot decode; update "
          "it, or restore with --way=stream"));
  }
  if (partial.stored_length == 0 ||
      partial.stored_length > entry.length + kMaxGrowth) {
    return Confusion(absl::StrCat("a chunk of ", entry.length,
                                  " bytes is stored as ",
                                  partial.stored_length));
  }
  partial_ = std::move(partial);
  return TakePayload(chunk.payload());
}

absl::Status ChunkReader::TakePayload(std::string_view payload) {
  if (payload.empty() ||
      payload.size() > partial_->stored_length - partial_->payload.size()) {
    return Confusion(absl::StrCat("a fragment of ", payload.size(), " bytes"));
  }
  partial_->payload.append(payload);
  if (partial_->payload.size() == partial_->stored_length) StartDecoding();
  return absl::OkStatus();
}

void ChunkReader::StartDecoding() {
  Partial whole = *std::exchange(partial_, std::nullopt);
  const uint64_t cost =
      kMinCost + whole.payload.size() + whole.placed.entry.length;
  const PlacedEntry placed = whole.placed;
  arrived_ = placed.offset + placed.entry.total_length();
  in_flight_ += cost;
  auto [plain, promise] = Plain::Pending();
  queue_.push_back({.placed = placed, .plain = std::move(plain), .cost = cost});
  decoder_.Add({.placed = placed,
                .encoding = whole.encoding,
                .payload = std::move(whole.payload),
                .promise = std::move(promise)});
}

absl::Status ChunkReader::BeginEntry() {
  Arrived first = std::move(queue_.front());
  queue_.pop_front();
  if (!first.placed.entry.is_hole) {
    ASSIGN_OR_RETURN(plain_, first.plain.Take());
  }
  current_ = std::move(first);
  return absl::OkStatus();
}

Frame ChunkReader::NextFrame() {
  const ChunkEntry& entry = current_->placed.entry;
  const uint64_t left = std::min(current_->end(), end_) - position_;
  Frame frame = {.offset = position_};
  if (entry.is_hole) {
    frame.hole_bytes = left;
  } else {
    const uint64_t at = (position_ - current_->placed.offset) % entry.length;
    frame.data = plain_.substr(
        at, std::min({left, entry.length - at, uint64_t{kFrameBytes}}));
  }
  position_ = frame.end();
  if (position_ == current_->end() || position_ == end_) {
    in_flight_ -= current_->cost;
    current_.reset();
    plain_ = std::string();
  }
  return frame;
}

}  // namespace cairn::client
