#include "services/ingest/engine/archive_reader.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/compression/zstd.h"
#include "common/digest/sha256_batch.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/ingest/engine/read_error.h"
#include "services/ingest/engine/stage_timer.h"

namespace cairn::ingest {
namespace {

// What a chunk costs from the time its record is fetched: its payload, about
// as long as its bytes at worst, and its bytes.
uint64_t CostOf(const ChunkEntry& entry) {
  return ArchiveReader::GuaranteeFor(entry.length);
}

}  // namespace

// Gives the cost back when the last piece of the chunk goes.
class ArchiveReader::Plain {
 public:
  Plain(std::string bytes, std::shared_ptr<StreamBudget::Account> account,
        uint64_t cost)
      : bytes_(std::move(bytes)), account_(std::move(account)), cost_(cost) {}
  ~Plain() { account_->Release(cost_); }
  Plain(const Plain&) = delete;
  Plain& operator=(const Plain&) = delete;
  std::string_view bytes() const { return bytes_; }

 private:
  const std::string bytes_;
  const std::shared_ptr<StreamBudget::Account> account_;
  const uint64_t cost_;
};

ArchiveReader::ArchiveReader(const Options& options,
                             const Dependencies& dependencies, const Call& call,
                             Range range, std::unique_ptr<SnapshotLease> lease,
                             std::shared_ptr<StreamBudget::Account> account)
    : options_(options),
      dependencies_(dependencies),
      range_(std::move(range)),
      lease_(std::move(lease)),
      account_(std::move(account)),
      caller_token_(call.cancellation),
      call_(call),
      decoder_(dependencies.executor, kSha256Lanes,
               [this](std::span<StoredChunk> chunks) { Decode(chunks); }),
      fetched_to_(range_.offset),
      position_(range_.offset) {
  call_.cancellation = &stop_;
  dependencies_.metrics->read_streams.Add(1);
  if (caller_token_ != nullptr) {
    caller_callback_ = caller_token_->AddCallback([this] {
      {
        absl::MutexLock lock(&mutex_);
        closing_ = true;
      }
      stop_.Cancel();
    });
  }
}

ArchiveReader::~ArchiveReader() {
  if (caller_token_ != nullptr) {
    caller_token_->RemoveCallback(caller_callback_);
  }
  {
    absl::MutexLock lock(&mutex_);
    closing_ = true;
  }
  stop_.Cancel();
  absl::MutexLock lock(&mutex_);
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
    return !fetching_ && decoding_ == 0;
  };
  dependencies_.executor->Await(&mutex_, absl::Condition(&idle),
                                absl::InfiniteDuration());
  dependencies_.metrics->read_streams.Add(-1);
}

bool ArchiveReader::HasRoom() const {
  return queue_.size() < options_.max_queued_entries;
}

void ArchiveReader::StartFetching() {
  {
    absl::MutexLock lock(&mutex_);
    if (fetching_ || fetched_all_ || closing_ || !HasRoom()) return;
    fetching_ = true;
  }
  const absl::Status scheduled =
      dependencies_.executor->Schedule([this] { Fetch(); });
  if (scheduled.ok()) return;
  absl::MutexLock lock(&mutex_);
  fetching_ = false;
  fetched_all_ = true;
  fetch_error_ = scheduled;
}

void ArchiveReader::Fetch() {
  for (;;) {
    absl::StatusOr<bool> fetched = FetchOne();
    absl::MutexLock lock(&mutex_);
    if (!fetched.ok()) {
      fetch_error_ = std::move(fetched).status();
      fetched_all_ = true;
    }
    // Without budget it goes on when Next has given some back, unless the
    // reader has taken all there was meanwhile and waits for this task.
    const bool starved = fetched.ok() && !*fetched && !queue_.empty();
    if (starved || fetched_all_ || closing_ || !HasRoom()) {
      fetching_ = false;
      return;
    }
  }
}

absl::Status ArchiveReader::OpenWindow() {
  ASSIGN_OR_RETURN(ArchiveEntries found,
                   dependencies_.peers.sessions->FindEntries(
                       PeerCall(), range_.archive, fetched_to_,
                       range_.end - fetched_to_, options_.window_entries));
  window_ = std::move(found.entries);
  next_in_window_ = 0;
  if (window_.empty() || window_.front().offset > fetched_to_) {
    return absl::DataLossError(absl::StrCat(
        range_.archive.ToString(), ": no entry covers byte ", fetched_to_));
  }
  std::vector<RecordKey> keys;
  for (const PlacedEntry& placed : window_) {
    if (placed.entry.is_hole) continue;
    keys.push_back({.kind = RecordKind::kChunk,
                    .domain = placed.entry.domain,
                    .digest = placed.entry.digest});
  }
  records_.reset();
  if (keys.empty()) return absl::OkStatus();
  // The stream of a whole window has no deadline: its reader sets the pace.
  ASSIGN_OR_RETURN(records_, dependencies_.peers.chunks->Get(
                                 call_, range_.datastore, std::move(keys)));
  return absl::OkStatus();
}

// False: there is no room for the next chunk now.
absl::StatusOr<bool> ArchiveReader::FetchOne() {
  if (fetched_to_ >= range_.end) {
    absl::MutexLock lock(&mutex_);
    fetched_all_ = true;
    return true;
  }
  if (next_in_window_ == window_.size()) RETURN_IF_ERROR(OpenWindow());
  const PlacedEntry& placed = window_[next_in_window_];
  if (placed.offset > fetched_to_) {
    return absl::DataLossError(absl::StrCat(
        range_.archive.ToString(), ": no entry covers byte ", fetched_to_));
  }
  if (placed.entry.is_hole) {
    auto item = std::make_unique<Item>();
    item->entry = placed;
    item->ready = true;
    Push(std::move(item));
  } else {
    const uint64_t cost = CostOf(placed.entry);
    if (!account_->TryAcquire(cost)) {
      absl::MutexLock lock(&mutex_);
      if (!queue_.empty()) return false;
      // The reader holds nothing and would wait for ever.
      account_->AcquireBeyondLimit(cost);
    }
    RETURN_IF_ERROR(FetchChunk(placed));
  }
  fetched_to_ = placed.offset + placed.entry.total_length();
  ++next_in_window_;
  return true;
}

absl::Status ArchiveReader::FetchChunk(const PlacedEntry& placed) {
  const uint64_t cost = CostOf(placed.entry);
  absl::StatusOr<std::optional<Record>> record;
  {
    StageTimer timer(dependencies_.clock, dependencies_.metrics->read_seconds);
    record = records_->Next();
  }
  absl::Status error = record.status();
  if (error.ok() &&
      (!record->has_value() || (*record)->key.digest != placed.entry.digest ||
       (*record)->plain_length != placed.entry.length)) {
    error = absl::InternalError(
        "chunk_storage answered another record than was asked for");
  }
  if (!error.ok()) {
    account_->Release(cost);
    return Describe(error, placed);
  }
  auto item = std::make_unique<Item>();
  item->entry = placed;
  Item* const kept = item.get();
  Push(std::move(item));
  {
    absl::MutexLock lock(&mutex_);
    ++decoding_;
  }
  decoder_.Add({.item = kept, .cost = cost, .record = **std::move(record)});
  return absl::OkStatus();
}

void ArchiveReader::Decode(std::span<StoredChunk> chunks) {
  StageTimer timer(dependencies_.clock, dependencies_.metrics->decode_seconds);
  std::vector<absl::StatusOr<std::string>> plain;
  for (StoredChunk& chunk : chunks) {
    Record& record = chunk.record;
    plain.push_back(TakePlain(record.encoding, std::move(record.payload),
                              record.plain_length));
  }
  // Only now: a short string moves with its bytes.
  std::vector<std::string_view> messages;
  for (const absl::StatusOr<std::string>& bytes : plain) {
    messages.push_back(bytes.ok() ? *bytes : std::string_view());
  }
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  for (size_t i = 0; i < chunks.size(); ++i) {
    const RecordKey& key = chunks[i].record.key;
    if (plain[i].ok() && digests[i] != key.digest) {
      plain[i] = WithReason(absl::DataLossError(absl::StrCat(
                                key.ToString(), " decodes to bytes of digest ",
                                digests[i].ToHex())),
                            reason::kRecordDamaged);
    }
    FinishDecoded(chunks[i], std::move(plain[i]));
  }
}

// The reader may go as soon as the last chunk is finished.
void ArchiveReader::FinishDecoded(const StoredChunk& chunk,
                                  absl::StatusOr<std::string> plain) {
  if (!plain.ok()) {
    account_->Release(chunk.cost);
    Finish(chunk.item, Describe(plain.status(), chunk.item->entry));
    return;
  }
  Finish(chunk.item, std::make_shared<const Plain>(*std::move(plain), account_,
                                                   chunk.cost));
}

void ArchiveReader::Push(std::unique_ptr<Item> item) {
  absl::MutexLock lock(&mutex_);
  queue_.push_back(std::move(item));
}

void ArchiveReader::Finish(Item* item,
                           absl::StatusOr<std::shared_ptr<const Plain>> plain) {
  absl::MutexLock lock(&mutex_);
  if (plain.ok()) {
    item->plain = *std::move(plain);
  } else {
    item->error = plain.status();
  }
  item->ready = true;
  --decoding_;
}

absl::Status ArchiveReader::Describe(const absl::Status& error,
                                     const PlacedEntry& placed) const {
  return DescribeReadError(error, range_.archive,
                           {.begin = range_.offset, .end = range_.end}, placed,
                           lease_.get(), *dependencies_.metrics);
}

absl::StatusOr<std::optional<ReadPiece>> ArchiveReader::Next() {
  if (current_ != nullptr) {
    if (std::optional<ReadPiece> piece = TakePiece(); piece.has_value()) {
      return piece;
    }
  }
  current_.reset();
  if (position_ >= range_.end) return std::nullopt;
  StartFetching();
  {
    absl::MutexLock lock(&mutex_);
    const auto can_return = [this]() ABSL_SHARED_LOCKS_REQUIRED(mutex_) {
      return closing_ ||
             (queue_.empty() ? fetched_all_ : queue_.front()->ready);
    };
    dependencies_.executor->Await(&mutex_, absl::Condition(&can_return),
                                  absl::InfiniteDuration());
    if (closing_) return absl::CancelledError("read was cancelled");
    if (queue_.empty()) {
      if (!fetch_error_.ok()) return fetch_error_;
      return absl::InternalError(
          absl::StrCat(range_.archive.ToString(), ": entries end at byte ",
                       position_, ", asked for were ", range_.end));
    }
    if (!queue_.front()->error.ok()) return queue_.front()->error;
    current_ = std::move(queue_.front());
    queue_.pop_front();
  }
  if (!current_->entry.entry.is_hole) {
    dependencies_.metrics->read_chunks.Increment();
  }
  return TakePiece();
}

// The next repetition of the current item that is in the range, cut to it.
std::optional<ReadPiece> ArchiveReader::TakePiece() {
  const PlacedEntry& placed = current_->entry;
  const uint64_t item_end =
      std::min(placed.offset + placed.entry.total_length(), range_.end);
  if (position_ >= item_end) return std::nullopt;
  ReadPiece piece{.offset = position_};
  if (placed.entry.is_hole) {
    piece.is_hole = true;
    piece.length = item_end - position_;
  } else {
    const uint64_t begin = (position_ - placed.offset) % placed.entry.length;
    piece.length = std::min(placed.entry.length - begin, item_end - position_);
    piece.bytes = current_->plain->bytes().substr(begin, piece.length);
    piece.owner = current_->plain;
    dependencies_.metrics->read_bytes.Increment(piece.length);
  }
  position_ += piece.length;
  return piece;
}

}  // namespace cairn::ingest
