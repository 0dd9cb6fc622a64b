#include "services/ingest/engine/record_sink.h"

#include <string>
#include <string_view>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "common/chunking/zero_run.h"
#include "common/digest/sha256_batch.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "services/ingest/domain/reuse.h"
#include "services/ingest/engine/stage_timer.h"

namespace cairn::ingest {
namespace {

// Bounds of SessionClient::PutPages, with room for what is around the pages.
constexpr size_t kMaxPagesPerCall = 64;
constexpr size_t kMaxPageBytesPerCall = size_t{3} << 20;

bool IsZero(const CutChunk& chunk) {
  for (const BytePiece& piece : chunk.pieces) {
    if (!IsAllZero(piece.bytes)) return false;
  }
  return true;
}

std::vector<std::string_view> Views(const CutChunk& chunk) {
  std::vector<std::string_view> views;
  views.reserve(chunk.pieces.size());
  for (const BytePiece& piece : chunk.pieces) views.push_back(piece.bytes);
  return views;
}

absl::Status IncarnationChanged(absl::string_view service,
                                absl::string_view what) {
  return WithReason(absl::UnavailableError(absl::StrCat(
                        service, " has restarted", what,
                        "; resume the archive at its durable offset")),
                    reason::kIncarnationChanged);
}

Record EncodeRecord(const RecordKey& key, const CutChunk& chunk, int level) {
  EncodedPayload encoded;
  if (chunk.pieces.size() == 1) {
    encoded = EncodeChunk(chunk.pieces.front().bytes, level);
  } else {
    std::string joined;
    joined.reserve(chunk.length);
    for (const BytePiece& piece : chunk.pieces) joined.append(piece.bytes);
    encoded = EncodeOwnChunk(std::move(joined), level);
  }
  return {.key = key,
          .encoding = encoded.encoding,
          .plain_length = chunk.length,
          .payload = std::move(encoded.payload)};
}

void SetPayloadDigests(std::vector<Record>& records) {
  std::vector<Record*> encoded;
  std::vector<std::string_view> payloads;
  for (Record& record : records) {
    // The payload of a raw record is what the key is the digest of.
    record.payload_digest = record.key.digest;
    if (record.encoding == Encoding::kRaw) continue;
    encoded.push_back(&record);
    payloads.push_back(record.payload);
  }
  std::vector<Digest> digests(payloads.size());
  Sha256Batch(payloads, digests);
  for (size_t i = 0; i < encoded.size(); ++i) {
    encoded[i]->payload_digest = digests[i];
  }
}

}  // namespace

struct RecordSink::HashedRun {
  std::vector<ChunkEntry> entries;  // one per chunk
  std::vector<RecordKey> keys;      // distinct, in order of first use
  std::vector<size_t> first;        // per key: the chunk that has its bytes
};

absl::Status RecordSink::Incarnation::Note(uint64_t told) {
  uint64_t expected = 0;
  if (known.compare_exchange_strong(expected, told) || expected == told) {
    return absl::OkStatus();
  }
  return IncarnationChanged(
      service, absl::StrCat(" (incarnation ", told, " after ", expected, ")"));
}

RecordSink::HashedRun RecordSink::Hash(
    const std::vector<CutChunk>& chunks) const {
  HashedRun run;
  run.entries.reserve(chunks.size());
  std::vector<std::vector<std::string_view>> pieces;
  for (const CutChunk& chunk : chunks) {
    const bool is_hole = IsZero(chunk);
    run.entries.push_back({.is_hole = is_hole, .length = chunk.length});
    pieces.push_back(is_hole ? std::vector<std::string_view>() : Views(chunk));
  }
  const std::vector<Sha256Message> messages(pieces.begin(), pieces.end());
  std::vector<Digest> digests(messages.size());
  Sha256Batch(messages, digests);
  absl::flat_hash_map<Digest, size_t> seen;
  for (size_t i = 0; i < chunks.size(); ++i) {
    ChunkEntry& entry = run.entries[i];
    if (entry.is_hole) continue;
    entry.digest = digests[i];
    if (!seen.emplace(entry.digest, i).second) continue;
    run.keys.push_back({.kind = RecordKind::kChunk, .digest = entry.digest});
    run.first.push_back(i);
  }
  return run;
}

absl::Status RecordSink::StoreMissing(const Call& call,
                                      const std::vector<CutChunk>& chunks,
                                      const HashedRun& hashed,
                                      const std::vector<bool>& present,
                                      WriteTotals& totals) {
  std::vector<Record> records;
  {
    StageTimer timer(clock_, metrics_->encode_seconds);
    for (size_t i = 0; i < hashed.keys.size(); ++i) {
      if (present[i]) continue;
      const CutChunk& chunk = chunks[hashed.first[i]];
      records.push_back(
          EncodeRecord(hashed.keys[i], chunk, options_.zstd_level));
      ++totals.new_chunk_count;
      totals.new_plain_bytes += chunk.length;
    }
    SetPayloadDigests(records);
  }
  return Put(call, std::move(records), totals);
}

absl::Status RecordSink::Put(const Call& call, std::vector<Record> records,
                             WriteTotals& totals) {
  if (records.empty()) return absl::OkStatus();
  StageTimer timer(clock_, metrics_->put_seconds);
  ASSIGN_OR_RETURN(
      const PutReply reply,
      peers_.chunks->Put(ForPeer(call, *clock_), session_, std::move(records)));
  totals.stored_bytes += reply.new_stored_bytes;
  return store_.Note(reply.incarnation);
}

absl::StatusOr<std::vector<bool>> RecordSink::Pin(
    const Call& call, const std::vector<RecordKey>& keys) {
  StageTimer timer(clock_, metrics_->pin_seconds);
  ASSIGN_OR_RETURN(PinReply pinned,
                   peers_.chunks->Pin(ForPeer(call, *clock_), session_, keys));
  RETURN_IF_ERROR(store_.Note(pinned.incarnation));
  if (pinned.present.size() != keys.size()) {
    return absl::InternalError(absl::StrCat("chunk_storage answered ",
                                            pinned.present.size(), " of ",
                                            keys.size(), " pins"));
  }
  return std::move(pinned.present);
}

void RecordSink::Count(const WriteTotals& totals) {
  metrics_->chunks_stored.Increment(totals.new_chunk_count);
  metrics_->chunks_known.Increment(totals.chunk_count - totals.new_chunk_count);
  metrics_->bytes_stored.Increment(totals.new_plain_bytes);
  metrics_->bytes_known.Increment(totals.plain_bytes - totals.new_plain_bytes);
  metrics_->bytes_hole.Increment(totals.hole_bytes);
  metrics_->bytes_reused.Increment(totals.reused_bytes);
  metrics_->encoded_bytes.Increment(totals.stored_bytes);
  metrics_->logical_bytes.Increment(totals.plain_bytes + totals.hole_bytes +
                                    totals.reused_bytes);
  metrics_->new_stored_bytes.Increment(totals.stored_bytes);
}

absl::StatusOr<BuiltRun> RecordSink::StoreChunks(const Call& call,
                                                 std::vector<CutChunk> chunks) {
  HashedRun hashed;
  {
    StageTimer timer(clock_, metrics_->hash_seconds);
    hashed = Hash(chunks);
  }
  BuiltRun run;
  if (!hashed.keys.empty()) {
    ASSIGN_OR_RETURN(const std::vector<bool> present, Pin(call, hashed.keys));
    RETURN_IF_ERROR(StoreMissing(call, chunks, hashed, present, run.totals));
  }
  for (const ChunkEntry& entry : hashed.entries) {
    if (entry.is_hole) {
      run.totals.hole_bytes += entry.length;
    } else {
      ++run.totals.chunk_count;
      run.totals.plain_bytes += entry.length;
    }
  }
  run.entries = std::move(hashed.entries);
  Count(run.totals);
  return run;
}

// The records that given entries refer to and that are not known to be
// pinned by this stream.
struct RecordSink::GivenKeys {
  std::vector<RecordKey> keys;     // distinct, in order of first use
  std::vector<size_t> key_of;      // per entry: its key; keys.size(): none
  std::vector<size_t> payload_of;  // per key: an entry with it, or none

  explicit GivenKeys(const std::vector<GivenEntry>& given);
};

RecordSink::GivenKeys::GivenKeys(const std::vector<GivenEntry>& given) {
  constexpr size_t kNone = ~size_t{0};
  absl::flat_hash_map<RecordKey, size_t> seen;
  for (size_t i = 0; i < given.size(); ++i) {
    const GivenEntry& item = given[i];
    key_of.push_back(kNone);
    if (item.entry.is_hole || item.from == GivenEntry::From::kStream) continue;
    const RecordKey key{.kind = RecordKind::kChunk,
                        .domain = item.entry.domain,
                        .digest = item.entry.digest};
    const auto [it, is_new] = seen.emplace(key, keys.size());
    if (is_new) {
      keys.push_back(key);
      payload_of.push_back(kNone);
    }
    key_of.back() = it->second;
    if (item.payload != nullptr) payload_of[it->second] = i;
  }
}

// A chunk that is all zero becomes a hole.
absl::Status RecordSink::ProveGiven(std::vector<GivenEntry>& given,
                                    WriteTotals& totals) const {
  StageTimer timer(clock_, metrics_->hash_seconds);
  RETURN_IF_ERROR(ProveSent(given));
  for (GivenEntry& item : given) {
    ChunkEntry& entry = item.entry;
    if (item.from == GivenEntry::From::kSent) {
      if (item.payload->is_zero()) {
        entry = {.is_hole = true, .length = entry.total_length()};
        totals.hole_bytes += entry.length;
        continue;
      }
      totals.plain_bytes += entry.length;
      totals.reused_bytes += entry.total_length() - entry.length;
    } else if (item.from == GivenEntry::From::kStream && entry.is_hole) {
      totals.hole_bytes += entry.length;
      continue;
    } else {
      totals.reused_bytes += entry.total_length();
    }
    if (!entry.is_hole) totals.chunk_count += entry.repeat;
  }
  return absl::OkStatus();
}

absl::Status RecordSink::StoreMissingGiven(const Call& call,
                                           std::vector<GivenEntry>& given,
                                           const GivenKeys& keys,
                                           const std::vector<bool>& present,
                                           WriteTotals& totals) {
  const GivenEntry* first_refused = nullptr;
  uint64_t refused_end = 0;
  for (size_t i = 0; i < given.size(); ++i) {
    const size_t key = keys.key_of[i];
    if (key >= present.size() || present[key] ||
        keys.payload_of[key] < given.size()) {
      continue;
    }
    if (first_refused == nullptr) first_refused = &given[i];
    refused_end = given[i].offset + given[i].entry.total_length();
  }
  if (first_refused != nullptr) {
    return ReuseRefused(
        absl::StrCat("chunk ", first_refused->entry.digest.ToHex(),
                     " of the base is missing or damaged"),
        first_refused->offset, refused_end - first_refused->offset);
  }
  std::vector<Record> records;
  for (size_t key = 0; key < present.size(); ++key) {
    if (present[key]) continue;
    ChunkPayload& payload = *given[keys.payload_of[key]].payload;
    records.push_back(payload.TakeRecord(keys.keys[key]));
    ++totals.new_chunk_count;
    totals.new_plain_bytes += payload.plain_length();
  }
  return Put(call, std::move(records), totals);
}

absl::StatusOr<BuiltRun> RecordSink::StoreGiven(const Call& call,
                                                std::vector<GivenEntry> given) {
  BuiltRun run;
  // Before anything is asked of the store: who knows a digest only must not
  // learn whether, nor get hold of what, it has.
  RETURN_IF_ERROR(ProveGiven(given, run.totals));
  const GivenKeys keys(given);
  if (!keys.keys.empty()) {
    ASSIGN_OR_RETURN(const std::vector<bool> present, Pin(call, keys.keys));
    RETURN_IF_ERROR(StoreMissingGiven(call, given, keys, present, run.totals));
  }
  run.entries.reserve(given.size());
  for (const GivenEntry& item : given) run.entries.push_back(item.entry);
  Count(run.totals);
  return run;
}

absl::StatusOr<bool> RecordSink::IsWholeSince(const Call& call,
                                              uint64_t loss_mark) {
  ASSIGN_OR_RETURN(
      const StoreStatistics store,
      peers_.chunks->Statistics(ForPeer(call, *clock_), session_.datastore));
  RETURN_IF_ERROR(store_.Note(store.incarnation));
  return loss_mark != 0 && store.loss_mark == loss_mark;
}

absl::Status RecordSink::StorePages(const Call& call,
                                    const std::vector<EncodedPage>& pages) {
  if (pages.empty()) return absl::OkStatus();
  StageTimer timer(clock_, metrics_->pages_seconds);
  for (size_t begin = 0; begin < pages.size();) {
    std::vector<EncodedPage> group;
    std::vector<Record> records;
    for (size_t bytes = 0;
         begin < pages.size() && group.size() < kMaxPagesPerCall &&
         bytes < kMaxPageBytesPerCall;
         ++begin) {
      const EncodedPage& page = pages[begin];
      bytes += page.bytes.size();
      group.push_back(page);
      records.push_back({.key = {.kind = RecordKind::kPage, .digest = page.id},
                         .encoding = Encoding::kRaw,
                         .plain_length = page.bytes.size(),
                         .payload_digest = page.id,
                         .payload = page.bytes});
    }
    ASSIGN_OR_RETURN(const PutReply reply,
                     peers_.chunks->Put(ForPeer(call, *clock_), session_,
                                        std::move(records)));
    RETURN_IF_ERROR(store_.Note(reply.incarnation));
    ASSIGN_OR_RETURN(
        const uint64_t incarnation,
        peers_.sessions->PutPages(ForPeer(call, *clock_), session_, group));
    RETURN_IF_ERROR(index_.Note(incarnation));
  }
  return absl::OkStatus();
}

absl::Status RecordSink::SaveCheckpoint(const Call& call,
                                        const ArchiveCheckpoint& checkpoint) {
  StageTimer timer(clock_, metrics_->checkpoint_seconds);
  const uint64_t store = store_.known.load();
  // Holes alone store nothing, so there may be nothing to make durable.
  if (store != 0) {
    absl::Status synced;
    {
      StageTimer sync_timer(clock_, metrics_->sync_seconds);
      synced = peers_.chunks->Sync(ForPeer(call, *clock_), session_, store);
    }
    if (HasReason(synced, reason::kIncarnationChanged)) {
      return IncarnationChanged(store_.service, "");
    }
    RETURN_IF_ERROR(synced);
  }
  const absl::Status saved = peers_.sessions->SaveCheckpoint(
      ForPeer(call, *clock_), session_, checkpoint, index_.known.load());
  return HasReason(saved, reason::kIncarnationChanged)
             ? IncarnationChanged(index_.service, "")
             : saved;
}

}  // namespace cairn::ingest
