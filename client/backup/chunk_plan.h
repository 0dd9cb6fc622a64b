#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "client/backup/base_index.h"
#include "client/backup/refused_ranges.h"
#include "common/digest/sha256.h"
#include "common/model/digest.h"

namespace cairn::client {

// What the client says of a reuse (WriteChunksRequest.Reuse.check): the
// digest of the entries of the range, neighbours joined as in a page.
class ReuseCheck {
 public:
  static constexpr size_t kMaxEntries = 4096;

  // False, and nothing is added: that would be too many entries. A hole has
  // a digest of zeros.
  bool Add(bool hole, uint64_t length, const Digest& digest);
  // An entry that repeats a chunk, as the only one.
  void AddRun(uint64_t length, uint64_t repeat, const Digest& digest) {
    Add(false, length, digest);
    repeat_ = repeat;
  }
  Digest Finish();

 private:
  void Flush();

  Sha256Hasher hasher_;
  size_t entries_ = 0;  // the last one too
  bool hole_ = false;   // the last entry, which may still grow
  uint64_t length_ = 0;
  uint64_t repeat_ = 0;
  Digest digest_;
};

// One message of a WriteChunks stream.
struct PlannedPiece {
  enum class Kind { kHole, kChunk, kReuseBase, kReuseSent };
  Kind kind = Kind::kHole;
  uint64_t offset = 0;
  uint64_t length = 0;  // in all
  // Of one repetition; 0: a hole, or not one chunk repeated.
  uint64_t chunk_length = 0;
  Digest digest;
  uint64_t place = 0;  // offset in the base, or number of the chunk message
  Digest check;        // of reuses
  uint64_t end() const { return offset + length; }
};

// Decides for the chunks and holes of an archive, in order, what is sent and
// what is named instead, and joins neighbours. Pure but for the index that it
// asks. One thread.
class ChunkPlan {
 public:
  // The server knows the last chunk messages of a stream.
  static constexpr uint64_t kSentChunks = 65536;
  // A reuse that names more is sent, so that the watermark moves on.
  static constexpr uint64_t kMaxReuseBytes = uint64_t{1} << 30;

  // `by_place`: bytes that did not change stand where they stood. Begins at
  // `offset`; the base is expected to have these bytes at `base_offset`. All
  // outlive the plan.
  ChunkPlan(bool by_place, uint64_t offset, uint64_t base_offset,
            BaseIndex* base, const RefusedRanges* refused)
      : by_place_(by_place),
        base_(base),
        refused_(refused),
        matched_end_(offset),
        base_end_(base_offset) {}

  // The next chunk. True: its bytes have to be sent.
  bool AddChunk(uint64_t offset, uint64_t length, const Digest& digest);
  void AddHole(uint64_t offset, uint64_t length);

  // What comes next cannot join the last piece.
  void Close();

  // The first piece, unless it may still grow; null.
  const PlannedPiece* front() const;
  PlannedPiece Pop();
  bool empty() const { return pieces_.empty(); }

  // Where the base has what was matched last, and its end in the archive.
  std::pair<uint64_t, uint64_t> last_match() const {
    return {matched_end_, base_end_};
  }

 private:
  using Kind = PlannedPiece::Kind;

  bool last_is(Kind kind) const { return open_ && pieces_.back().kind == kind; }
  // What follows the last piece, a reuse of the base, is in the base.
  bool ExtendsReuse(bool hole, uint64_t offset, uint64_t length,
                    const Digest& digest);
  bool RepeatsLast(uint64_t offset, uint64_t length, const Digest& digest);
  PlannedPiece& Begin(Kind kind, uint64_t offset, uint64_t length);
  void BeginReuse(uint64_t offset, uint64_t length, const Digest& digest,
                  uint64_t place, bool hole);
  void RememberSent(uint64_t length, const Digest& digest);
  std::optional<uint64_t> FindSent(uint64_t length, const Digest& digest) const;

  const bool by_place_;
  BaseIndex* const base_;
  const RefusedRanges* const refused_;
  std::deque<PlannedPiece> pieces_;
  bool open_ = false;  // the last piece may still grow
  ReuseCheck check_;   // of the last piece, if it is an open kReuseBase
  // The last match: bytes up to matched_end_ of the archive are those up to
  // base_end_ of the base.
  uint64_t matched_end_;
  uint64_t base_end_;
  uint64_t chunk_messages_ = 0;
  struct Key {
    uint64_t length = 0;
    Digest digest;
    friend bool operator==(const Key&, const Key&) = default;
    template <typename H>
    friend H AbslHashValue(H h, const Key& key) {
      return H::combine(std::move(h), key.length, key.digest);
    }
  };
  absl::flat_hash_map<Key, uint64_t> sent_;  // -> number of its message
  std::deque<Key> sent_order_;               // the last kSentChunks
};

}  // namespace cairn::client
