#include "services/ingest/domain/reuse.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/reason.h"

namespace cairn::ingest {
namespace {

void AppendUint64(uint64_t value, std::string& out) {
  for (int i = 0; i < 8; ++i) {
    out.push_back(static_cast<char>(value >> (8 * i)));
  }
}

}  // namespace

absl::Status ReuseRefused(absl::string_view why, uint64_t offset,
                          uint64_t length) {
  return WithReason(
      absl::FailedPreconditionError(
          absl::StrCat("bytes ", offset, "..", offset + length - 1,
                       " cannot be reused: ", why, "; send them")),
      reason::kReuseRefused,
      {{"offset", absl::StrCat(offset)}, {"length", absl::StrCat(length)}});
}

absl::StatusOr<std::vector<ChunkEntry>> CutToRange(
    std::span<const PlacedEntry> entries, uint64_t offset, uint64_t length) {
  const uint64_t end = offset + length;
  std::vector<ChunkEntry> cut;
  cut.reserve(entries.size());
  for (const PlacedEntry& placed : entries) {
    const uint64_t placed_end = placed.offset + placed.entry.total_length();
    const uint64_t from = std::max(offset, placed.offset);
    const uint64_t to = std::min(end, placed_end);
    if (from >= to) continue;
    ChunkEntry entry = placed.entry;
    if (entry.is_hole) {
      entry.length = to - from;
    } else {
      const uint64_t before = from - placed.offset;
      if (before % entry.length != 0 || (to - from) % entry.length != 0) {
        return WithReason(
            absl::InvalidArgumentError(
                absl::StrCat("range ", offset, "..", end - 1,
                             " begins or ends inside a chunk of ", entry.length,
                             " bytes; those from ", placed.offset,
                             " on stand in a row of ", entry.repeat)),
            reason::kChunkMismatch);
      }
      entry.repeat = (to - from) / entry.length;
    }
    cut.push_back(entry);
  }
  return cut;
}

Digest CheckOfEntries(std::span<const ChunkEntry> entries) {
  std::string text;
  text.reserve(entries.size() * 48);
  for (const ChunkEntry& entry : entries) {
    AppendUint64(entry.length, text);
    AppendUint64(entry.repeat, text);
    text.append(entry.digest.view());
  }
  return Sha256(text);
}

void SentChunks::Add(uint64_t length, const Digest& digest) {
  const Sent sent{.digest = digest, .length = length};
  if (count_ < kMaxSentChunks) {
    // Never above kMaxBytes, as it would be by doubling.
    if (ring_.size() == ring_.capacity()) {
      ring_.reserve(std::min<uint64_t>(kMaxSentChunks,
                                       std::max<size_t>(64, 2 * ring_.size())));
    }
    ring_.push_back(sent);
  } else {
    ring_[count_ % kMaxSentChunks] = sent;
  }
  ++count_;
}

absl::StatusOr<ChunkEntry> SentChunks::Find(uint64_t number,
                                            uint64_t length) const {
  if (number >= count_ || count_ - number > kMaxSentChunks) {
    return absl::InvalidArgumentError(absl::StrCat(
        "sent_chunk is ", number, ", this stream has sent ", count_,
        " chunks, of which the last ", kMaxSentChunks, " may be named"));
  }
  const Sent& sent = ring_[number % kMaxSentChunks];
  if (length == 0 || length % sent.length != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("reuse of sent_chunk ", number, " has ", length,
                     " bytes, allowed are multiples of ", sent.length));
  }
  return ChunkEntry{.length = sent.length,
                    .repeat = length / sent.length,
                    .digest = sent.digest};
}

}  // namespace cairn::ingest
