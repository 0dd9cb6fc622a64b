#include "services/ingest/engine/diff_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/ingest/engine/peers.h"

namespace cairn::ingest {
namespace {

// Whether `diff` is an answer to a question from `offset` on.
bool MakesSense(const ArchiveDiff& diff, uint64_t offset) {
  uint64_t end = offset;
  for (const DiffRange& range : diff.ranges) {
    if (range.offset < end || range.offset >= diff.next) return false;
    if (range.length == 0 || range.length > diff.next - range.offset) {
      return false;
    }
    end = range.offset + range.length;
  }
  return diff.next >= offset && (diff.done || diff.next > offset);
}

}  // namespace

DiffReader::DiffReader(const ArchiveReader::Dependencies& dependencies,
                       const Call& call, Archives archives,
                       std::vector<std::unique_ptr<SnapshotLease>> leases)
    : dependencies_(dependencies),
      call_(call),
      archives_(std::move(archives)),
      leases_(std::move(leases)),
      position_(archives_.offset) {
  dependencies_.metrics->read_streams.Add(1);
}

DiffReader::~DiffReader() { dependencies_.metrics->read_streams.Add(-1); }

absl::StatusOr<std::optional<DiffPiece>> DiffReader::Next() {
  if (done_) return std::nullopt;
  if (call_.cancellation != nullptr) {
    RETURN_IF_ERROR(call_.cancellation->Check());
  }
  // One less than a piece has: a range that was kept back may come on top.
  absl::StatusOr<ArchiveDiff> diff = dependencies_.peers.sessions->DiffArchives(
      ForPeer(call_, *dependencies_.clock), archives_.base, archives_.archive,
      position_, kMaxRanges - 1);
  if (!diff.ok()) return Describe(diff.status());
  if (!MakesSense(*diff, position_)) {
    return absl::InternalError(absl::StrCat(
        "answer of index: ", archives_.base.ToString(), " against ",
        archives_.archive.ToString(), " from byte ", position_,
        " on: its ranges are out of order or it did not get on"));
  }
  return Take(*std::move(diff));
}

DiffPiece DiffReader::Take(ArchiveDiff diff) {
  DiffPiece piece;
  if (open_.has_value()) {
    piece.ranges.push_back(*open_);
    open_.reset();
  }
  for (const DiffRange& range : diff.ranges) {
    DiffRange* const last =
        piece.ranges.empty() ? nullptr : &piece.ranges.back();
    if (last != nullptr && last->offset + last->length == range.offset) {
      last->length += range.length;
    } else {
      piece.ranges.push_back(range);
    }
  }
  position_ = diff.next;
  done_ = diff.done;
  piece.compared_bytes = position_;
  if (!done_ && !piece.ranges.empty() &&
      piece.ranges.back().offset + piece.ranges.back().length == position_) {
    open_ = piece.ranges.back();
    piece.ranges.pop_back();
    piece.compared_bytes = open_->offset;
  }
  return piece;
}

absl::Status DiffReader::Describe(const absl::Status& error) const {
  if (!absl::IsDataLoss(error)) return error;
  for (const std::unique_ptr<SnapshotLease>& lease : leases_) {
    if (!lease->lost()) continue;
    return WithReason(
        absl::AbortedError(absl::StrCat(
            archives_.base.ToString(), " against ",
            archives_.archive.ToString(),
            ": the lease on a snapshot was lost while it was read")),
        reason::kLeaseExpired);
  }
  dependencies_.metrics->read_damage.Increment();
  return error;
}

}  // namespace cairn::ingest
