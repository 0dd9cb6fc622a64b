#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "cairn/ingest/v1/restore_service.pb.h"
#include "client/remote/catalog_remote.h"
#include "client/remote/read_stream.h"
#include "common/model/archive.h"
#include "common/model/digest.h"

namespace cairn::client {

// What an archive of a session's base has where: a window over its entries,
// which are read as a stream that is followed while the backup goes on.
// Without a base, or when the server does not give its entries, nothing is
// known: never an error. One thread.
class BaseIndex {
 public:
  struct Options {
    std::string archive;  // resource name; empty: there is no base
    // An image's bytes are looked for at their own offset and in what was
    // read already; a stream's also further ahead.
    bool look_ahead = false;
    // Where to begin behind an offset that is not the archive's start.
    uint64_t average_chunk_bytes = 1024 * 1024;
    // Entries kept, 1..; about 100 bytes each.
    size_t max_entries = 262'144;
  };

  // `remote` outlives the index.
  BaseIndex(Options options, CatalogRemote* remote)
      : options_(std::move(options)), remote_(remote) {}

  // What is asked next lies near `expected`; also after the connection to the
  // server was lost.
  void Restart(uint64_t expected);

  // Where the base has this chunk: at `expected` if it is there, else at the
  // nearest place known behind it, else before it.
  std::optional<uint64_t> Find(uint64_t length, const Digest& digest,
                               uint64_t expected);

  // True if one repetition of this chunk begins at `offset`.
  bool HasChunkAt(uint64_t offset, uint64_t length, const Digest& digest);
  // True if [offset, offset + length) is within one hole.
  bool HasHoleAt(uint64_t offset, uint64_t length);

 private:
  struct Entry {
    uint64_t offset = 0;
    uint64_t length = 0;
    uint64_t repeat = 0;
    Digest digest;  // zero for a hole, and for what is never reused
    bool is_hole = false;
    // Number of the entry before with the same key; kNone.
    uint64_t previous = 0;
    uint64_t end() const { return offset + length * repeat; }
  };
  static constexpr uint64_t kNone = ~uint64_t{0};

  static uint64_t KeyOf(const Digest& digest);
  uint64_t end_number() const { return first_number_ + entries_.size(); }
  const Entry& at(uint64_t number) const {
    return entries_[number - first_number_];
  }
  // Number of the entry that covers `offset`, if it is in the window.
  std::optional<uint64_t> Covering(uint64_t offset);
  std::optional<uint64_t> Lookup(uint64_t length, const Digest& digest,
                                 uint64_t expected) const;
  // True if the window has room to read on with `expected` still in it.
  bool HasRoomAhead(uint64_t expected);
  // Reads on until the window reaches behind `offset` or the base ends.
  void LoadTo(uint64_t offset);
  // Reads one message. False: there is no more.
  bool LoadMore();
  void Connect();
  // False: not to be tried again.
  bool Fail(const absl::Status& error);
  // False: the server's answer makes no sense.
  bool Take(const ingest::v1::ReadChunksResponse& message);
  bool Append(const PlacedEntry& placed);
  void DropFirst();
  void Clear(uint64_t begin);

  const Options options_;
  CatalogRemote* const remote_;
  std::unique_ptr<ChunkReadStream> stream_;         // null: to be connected
  bool ended_ = false;                              // nothing more will be read
  int failures_ = 0;                                // since the last message
  std::deque<Entry> entries_;                       // without gaps
  uint64_t first_number_ = 0;                       // of entries_.front()
  uint64_t next_offset_ = 0;                        // end of entries_
  absl::flat_hash_map<uint64_t, uint64_t> newest_;  // key -> number
};

}  // namespace cairn::client
