#include "client/backup/chunk_plan.h"

#include <string_view>

namespace cairn::client {
namespace {

void Store64(uint64_t value, char* to) {
  for (int i = 0; i < 8; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

bool ReuseCheck::Add(bool hole, uint64_t length, const Digest& digest) {
  if (entries_ > 0 && hole && hole_) {
    length_ += length;
    return true;
  }
  if (entries_ > 0 && !hole && !hole_ && length == length_ &&
      digest == digest_) {
    ++repeat_;
    return true;
  }
  if (entries_ == kMaxEntries) return false;
  Flush();
  ++entries_;
  hole_ = hole;
  length_ = length;
  repeat_ = 1;
  digest_ = digest;
  return true;
}

void ReuseCheck::Flush() {
  if (entries_ == 0) return;
  char numbers[16];
  Store64(length_, numbers);
  Store64(repeat_, numbers + 8);
  hasher_.Update(std::string_view(numbers, sizeof(numbers)));
  hasher_.Update(digest_.view());
}

Digest ReuseCheck::Finish() {
  Flush();
  entries_ = 0;
  return hasher_.Finish();
}

bool ChunkPlan::AddChunk(uint64_t offset, uint64_t length,
                         const Digest& digest) {
  const bool may_reuse = refused_->Allows(offset, length);
  if (may_reuse && ExtendsReuse(false, offset, length, digest)) return false;
  if (RepeatsLast(offset, length, digest)) return false;
  if (may_reuse) {
    // A run that is longer than the base's is sent once, to be repeated.
    const bool goes_on = last_is(Kind::kReuseBase) &&
                         pieces_.back().chunk_length == length &&
                         pieces_.back().digest == digest;
    const std::optional<uint64_t> place =
        goes_on ? std::nullopt
                : base_->Find(
                      length, digest,
                      by_place_ ? offset : base_end_ + (offset - matched_end_));
    if (place.has_value()) {
      BeginReuse(offset, length, digest, *place, false);
      return false;
    }
    if (const std::optional<uint64_t> sent = FindSent(length, digest)) {
      PlannedPiece& piece = Begin(Kind::kReuseSent, offset, length);
      piece.chunk_length = length;
      piece.digest = digest;
      piece.place = *sent;
      return false;
    }
  }
  PlannedPiece& piece = Begin(Kind::kChunk, offset, length);
  piece.chunk_length = length;
  piece.digest = digest;
  RememberSent(length, digest);
  return true;
}

void ChunkPlan::AddHole(uint64_t offset, uint64_t length) {
  if (refused_->Allows(offset, length) &&
      ExtendsReuse(true, offset, length, Digest{})) {
    return;
  }
  if (last_is(Kind::kHole)) {
    pieces_.back().length += length;
    return;
  }
  Begin(Kind::kHole, offset, length);
}

bool ChunkPlan::ExtendsReuse(bool hole, uint64_t offset, uint64_t length,
                             const Digest& digest) {
  if (!last_is(Kind::kReuseBase)) return false;
  PlannedPiece& last = pieces_.back();
  const uint64_t place = last.place + last.length;
  if (hole ? !base_->HasHoleAt(place, length)
           : !base_->HasChunkAt(place, length, digest)) {
    return false;
  }
  if (last.length >= kMaxReuseBytes || !check_.Add(hole, length, digest)) {
    BeginReuse(offset, length, digest, place, hole);
    return true;
  }
  if (hole || length != last.chunk_length || digest != last.digest) {
    last.chunk_length = 0;
  }
  last.length += length;
  matched_end_ = last.end();
  base_end_ = last.place + last.length;
  return true;
}

bool ChunkPlan::RepeatsLast(uint64_t offset, uint64_t length,
                            const Digest& digest) {
  if (!last_is(Kind::kChunk) && !last_is(Kind::kReuseSent)) return false;
  PlannedPiece& last = pieces_.back();
  if (last.chunk_length != length || last.digest != digest) return false;
  if (last.kind == Kind::kReuseSent && !refused_->Allows(offset, length)) {
    return false;
  }
  last.length += length;
  return true;
}

PlannedPiece& ChunkPlan::Begin(Kind kind, uint64_t offset, uint64_t length) {
  Close();
  open_ = true;
  pieces_.push_back({.kind = kind, .offset = offset, .length = length});
  return pieces_.back();
}

void ChunkPlan::BeginReuse(uint64_t offset, uint64_t length,
                           const Digest& digest, uint64_t place, bool hole) {
  PlannedPiece& piece = Begin(Kind::kReuseBase, offset, length);
  piece.chunk_length = hole ? 0 : length;
  piece.digest = digest;
  piece.place = place;
  check_.Add(hole, length, digest);
  matched_end_ = offset + length;
  base_end_ = place + length;
}

void ChunkPlan::Close() {
  if (!open_) return;
  open_ = false;
  PlannedPiece& last = pieces_.back();
  if (last.kind == Kind::kReuseBase) {
    last.check = check_.Finish();
  } else if (last.kind == Kind::kReuseSent) {
    ReuseCheck check;
    check.AddRun(last.chunk_length, last.length / last.chunk_length,
                 last.digest);
    last.check = check.Finish();
  }
}

const PlannedPiece* ChunkPlan::front() const {
  if (pieces_.empty() || (open_ && pieces_.size() == 1)) return nullptr;
  return &pieces_.front();
}

PlannedPiece ChunkPlan::Pop() {
  PlannedPiece piece = pieces_.front();
  pieces_.pop_front();
  return piece;
}

void ChunkPlan::RememberSent(uint64_t length, const Digest& digest) {
  const Key key = {.length = length, .digest = digest};
  if (sent_order_.size() == kSentChunks) {
    const auto oldest = sent_.find(sent_order_.front());
    if (oldest != sent_.end() &&
        oldest->second + kSentChunks <= chunk_messages_) {
      sent_.erase(oldest);
    }
    sent_order_.pop_front();
  }
  sent_[key] = chunk_messages_++;
  sent_order_.push_back(key);
}

std::optional<uint64_t> ChunkPlan::FindSent(uint64_t length,
                                            const Digest& digest) const {
  const auto found = sent_.find(Key{.length = length, .digest = digest});
  if (found == sent_.end()) return std::nullopt;
  return found->second;
}

}  // namespace cairn::client
