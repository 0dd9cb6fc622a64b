#include "services/ingest/engine/chunk_reader.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/status/status_macros.h"
#include "services/ingest/engine/peers.h"
#include "services/ingest/engine/read_error.h"
#include "services/ingest/engine/stage_timer.h"

namespace cairn::ingest {

ChunkReader::ChunkReader(const ArchiveReader::Options& options,
                         const ArchiveReader::Dependencies& dependencies,
                         const Call& call, ArchiveReader::Range range,
                         bool entries_only,
                         std::unique_ptr<SnapshotLease> lease,
                         std::shared_ptr<StreamBudget::Account> account)
    : options_(options),
      dependencies_(dependencies),
      call_(call),
      range_(std::move(range)),
      entries_only_(entries_only),
      lease_(std::move(lease)),
      account_(std::move(account)),
      position_(range_.offset) {
  dependencies_.metrics->read_streams.Add(1);
}

ChunkReader::~ChunkReader() {
  account_->Release(charged_);
  dependencies_.metrics->read_streams.Add(-1);
}

void ChunkReader::Charge(uint64_t bytes) {
  account_->Release(std::exchange(charged_, 0));
  // Within the guarantee, or as large as a record may be at worst.
  if (!account_->TryAcquire(bytes)) account_->AcquireBeyondLimit(bytes);
  charged_ = bytes;
}

absl::Status ChunkReader::OpenWindow() {
  ASSIGN_OR_RETURN(
      ArchiveEntries found,
      dependencies_.peers.sessions->FindEntries(
          ForPeer(call_, *dependencies_.clock), range_.archive, position_,
          range_.end - position_, options_.window_entries));
  window_ = std::move(found.entries);
  next_in_window_ = 0;
  if (window_.empty()) {
    return absl::DataLossError(absl::StrCat(
        range_.archive.ToString(), ": no entry covers byte ", position_));
  }
  records_.reset();
  if (entries_only_) return absl::OkStatus();
  std::vector<RecordKey> keys;
  for (const PlacedEntry& placed : window_) {
    if (placed.entry.is_hole) continue;
    keys.push_back({.kind = RecordKind::kChunk,
                    .domain = placed.entry.domain,
                    .digest = placed.entry.digest});
  }
  if (keys.empty()) return absl::OkStatus();
  // The stream of a whole window has no deadline: its reader sets the pace.
  ASSIGN_OR_RETURN(records_, dependencies_.peers.chunks->Get(
                                 call_, range_.datastore, std::move(keys)));
  return absl::OkStatus();
}

absl::Status ChunkReader::CheckContinues(const PlacedEntry& placed) const {
  if (placed.offset <= position_ &&
      position_ < placed.offset + placed.entry.total_length()) {
    return absl::OkStatus();
  }
  return absl::DataLossError(absl::StrCat(
      range_.archive.ToString(), ": no entry covers byte ", position_));
}

absl::StatusOr<Record> ChunkReader::FetchRecord(const PlacedEntry& placed) {
  Charge(GuaranteeFor(placed.entry.length));
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
    return DescribeReadError(error, range_.archive,
                             {.begin = range_.offset, .end = range_.end},
                             placed, lease_.get(), *dependencies_.metrics);
  }
  dependencies_.metrics->read_chunks.Increment();
  dependencies_.metrics->read_bytes.Increment(placed.entry.length);
  return **std::move(record);
}

absl::StatusOr<std::optional<ChunkPiece>> ChunkReader::Next() {
  if (position_ >= range_.end) return std::nullopt;
  if (call_.cancellation != nullptr) {
    RETURN_IF_ERROR(call_.cancellation->Check());
  }
  if (next_in_window_ == window_.size()) RETURN_IF_ERROR(OpenWindow());
  ChunkPiece piece;
  while (next_in_window_ < window_.size() &&
         piece.entries.size() < kMaxPieceEntries) {
    const PlacedEntry& placed = window_[next_in_window_];
    RETURN_IF_ERROR(CheckContinues(placed));
    const bool has_payload = !entries_only_ && !placed.entry.is_hole;
    if (has_payload && !piece.entries.empty()) break;
    if (has_payload) {
      ASSIGN_OR_RETURN(piece.record, FetchRecord(placed));
    }
    position_ = placed.offset + placed.entry.total_length();
    piece.entries.push_back(placed);
    ++next_in_window_;
    if (has_payload) break;
  }
  return std::optional<ChunkPiece>(std::move(piece));
}

}  // namespace cairn::ingest
