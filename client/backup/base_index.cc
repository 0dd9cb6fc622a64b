#include "client/backup/base_index.h"

#include <algorithm>
#include <cstring>

#include "absl/status/statusor.h"
#include "client/remote/retry_budget.h"
#include "common/wire/archive.h"

namespace cairn::client {
namespace {

using ingest::v1::ReadChunksRequest;
using ingest::v1::ReadChunksResponse;

// Connections in a row that gave nothing before the base is given up.
constexpr int kMaxFailures = 3;
// Entries of one key that are looked at: content that repeats everywhere is
// found near where it is expected or not at all.
constexpr int kMaxSteps = 64;
// Messages of up to 1024 entries that one unknown chunk of a stream costs.
constexpr int kMessagesAhead = 4;
// How far before an expected place the window begins, in chunks.
constexpr uint64_t kChunksBehind = 4096;

}  // namespace

uint64_t BaseIndex::KeyOf(const Digest& digest) {
  uint64_t key;
  std::memcpy(&key, digest.bytes.data(), sizeof(key));
  return key;
}

void BaseIndex::Restart(uint64_t expected) {
  failures_ = 0;
  stream_.reset();
  ended_ = options_.archive.empty();
  if (ended_) return;
  if (!entries_.empty() && entries_.front().offset <= expected &&
      expected <= next_offset_) {
    return;
  }
  const uint64_t behind =
      options_.look_ahead ? kChunksBehind * options_.average_chunk_bytes : 0;
  Clear(expected - std::min(expected, behind));
}

void BaseIndex::Clear(uint64_t begin) {
  first_number_ += entries_.size();
  entries_.clear();
  newest_.clear();
  next_offset_ = begin;
}

std::optional<uint64_t> BaseIndex::Find(uint64_t length, const Digest& digest,
                                        uint64_t expected) {
  if (HasChunkAt(expected, length, digest)) return expected;
  std::optional<uint64_t> found = Lookup(length, digest, expected);
  if (!options_.look_ahead) return found;
  for (int i = 0; i < kMessagesAhead && !found.has_value(); ++i) {
    if (!HasRoomAhead(expected) || !LoadMore()) break;
    found = Lookup(length, digest, expected);
  }
  return found;
}

bool BaseIndex::HasRoomAhead(uint64_t expected) {
  if (entries_.size() < options_.max_entries || expected >= next_offset_) {
    return true;
  }
  const std::optional<uint64_t> number = Covering(expected);
  if (!number.has_value()) return false;
  return *number - first_number_ > options_.max_entries / 4;
}

std::optional<uint64_t> BaseIndex::Lookup(uint64_t length, const Digest& digest,
                                          uint64_t expected) const {
  const auto newest = newest_.find(KeyOf(digest));
  if (newest == newest_.end()) return std::nullopt;
  std::optional<uint64_t> best;
  uint64_t number = newest->second;
  for (int i = 0; i < kMaxSteps && number != kNone && number >= first_number_;
       ++i, number = at(number).previous) {
    const Entry& entry = at(number);
    if (entry.length != length || entry.digest != digest) continue;
    if (best.has_value() && entry.offset < expected) break;
    best = entry.offset;
  }
  return best;
}

bool BaseIndex::HasChunkAt(uint64_t offset, uint64_t length,
                           const Digest& digest) {
  LoadTo(offset);
  const std::optional<uint64_t> number = Covering(offset);
  if (!number.has_value()) return false;
  const Entry& entry = at(*number);
  return !entry.is_hole && entry.length == length && entry.digest == digest &&
         (offset - entry.offset) % length == 0;
}

bool BaseIndex::HasHoleAt(uint64_t offset, uint64_t length) {
  LoadTo(offset);
  const std::optional<uint64_t> number = Covering(offset);
  if (!number.has_value()) return false;
  const Entry& entry = at(*number);
  return entry.is_hole && length <= entry.end() - offset;
}

std::optional<uint64_t> BaseIndex::Covering(uint64_t offset) {
  if (entries_.empty() || offset < entries_.front().offset ||
      offset >= next_offset_) {
    return std::nullopt;
  }
  const auto after =
      std::upper_bound(entries_.begin(), entries_.end(), offset,
                       [](uint64_t searched, const Entry& entry) {
                         return searched < entry.offset;
                       });
  return first_number_ + static_cast<uint64_t>(after - entries_.begin()) - 1;
}

void BaseIndex::LoadTo(uint64_t offset) {
  while (next_offset_ <= offset && LoadMore()) {
  }
}

bool BaseIndex::LoadMore() {
  // Each turn reads a message, counts a failure or ends.
  while (!ended_) {
    if (stream_ == nullptr) Connect();
    absl::StatusOr<std::optional<ReadChunksResponse>> message = stream_->Next();
    if (!message.ok()) {
      if (!Fail(message.status())) return false;
      continue;
    }
    if (!message->has_value() || !Take(**message)) {
      stream_.reset();
      ended_ = true;
      return false;
    }
    if (!(*message)->has_entries()) continue;
    failures_ = 0;
    return true;
  }
  return false;
}

void BaseIndex::Connect() {
  ReadChunksRequest request;
  request.set_name(options_.archive);
  request.set_offset(next_offset_);
  request.set_entries_only(true);
  stream_ = remote_->StartReadChunks(request);
}

bool BaseIndex::Fail(const absl::Status& error) {
  stream_.reset();
  if (IsPassing(error) && ++failures_ < kMaxFailures) return true;
  ended_ = true;
  return false;
}

bool BaseIndex::Take(const ReadChunksResponse& message) {
  if (message.has_header()) return true;
  if (!message.has_entries()) return false;
  for (const model::v1::ChunkEntry& proto : message.entries().entries()) {
    const absl::StatusOr<PlacedEntry> placed = FromProto(proto);
    if (!placed.ok() || !Append(*placed)) return false;
  }
  return message.entries().entries_size() > 0;
}

bool BaseIndex::Append(const PlacedEntry& placed) {
  const ChunkEntry& entry = placed.entry;
  const uint64_t end = placed.offset + entry.total_length();
  if (entries_.empty()) {
    if (placed.offset > next_offset_ || end <= next_offset_) return false;
  } else if (placed.offset != next_offset_) {
    return false;
  }
  while (entries_.size() >= options_.max_entries) DropFirst();
  Entry added = {.offset = placed.offset,
                 .length = entry.length,
                 .repeat = entry.repeat,
                 .is_hole = entry.is_hole,
                 .previous = kNone};
  // A chunk of another domain has a digest of something else.
  if (!entry.is_hole && entry.domain.is_plaintext()) {
    added.digest = entry.digest;
    const auto [newest, is_new] =
        newest_.try_emplace(KeyOf(entry.digest), end_number());
    if (!is_new) added.previous = std::exchange(newest->second, end_number());
  }
  entries_.push_back(added);
  next_offset_ = end;
  return true;
}

void BaseIndex::DropFirst() {
  const auto newest = newest_.find(KeyOf(entries_.front().digest));
  if (newest != newest_.end() && newest->second == first_number_) {
    newest_.erase(newest);
  }
  entries_.pop_front();
  ++first_number_;
}

}  // namespace cairn::client
