#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/call.h"
#include "common/model/datastore.h"
#include "common/model/record.h"

namespace cairn {

// What chunk_storage says about itself and a datastore.
struct StoreState {
  uint64_t incarnation = 0;  // grows at each start of chunk_storage
  uint64_t sequence = 0;     // highest seen in a durable manifest or event
  uint64_t token = 0;        // highest sweep token shown
  uint64_t floor = 0;        // touch floor; 0: not told since the start
  // Highest session epoch in a record of a sealed pack.
  uint64_t highest_epoch = 0;
};

// What a sweep shows to the store before it begins.
struct SweepNumbers {
  uint64_t token = 0;
  uint64_t epoch = 0;
  // That index has handed out all its numbers up to this one. Lower than the
  // highest in a durable record here: index is an old copy, which does not
  // know what was published since.
  uint64_t sequence = 0;
};

struct PinReply {
  uint64_t incarnation = 0;
  std::vector<bool> present;  // one per key, in order
};

struct PutReply {
  uint64_t incarnation = 0;
  uint64_t new_records = 0;
  uint64_t duplicate_records = 0;
  uint64_t new_stored_bytes = 0;  // payload bytes of new records
};

struct StoreStatistics {
  uint64_t incarnation = 0;
  uint64_t pack_count = 0;
  uint64_t open_pack_count = 0;
  uint64_t pack_bytes = 0;    // file sizes
  uint64_t record_count = 0;  // live places
  uint64_t record_bytes = 0;  // their stored payload bytes
  uint64_t damaged_count = 0;
  uint64_t free_bytes = 0;  // of the file system
  uint64_t sequence = 0;
  uint64_t token = 0;
  // A random number, drawn anew, durably, before a record is called damaged,
  // and at a start that finds a pack gone or damaged or rows built anew. Two
  // equal ones: of what could be pinned at the first, nothing was found lost
  // up to the second, but what a sweep dropped. 0: not known.
  uint64_t loss_mark = 0;
};

// Records in the order asked for. Not thread-safe; destroy to cancel.
class RecordStream {
 public:
  virtual ~RecordStream() = default;
  // The next record, its payload digest proved in this call; nullopt after
  // the last. DataLoss (RECORD_DAMAGED, or RECORD_MISSING for a key that is
  // not stored) names the record and ends the stream; a damaged record is
  // marked bad, so that the next backup heals it.
  virtual absl::StatusOr<std::optional<Record>> Next() = 0;
};

// The store of records. A stored record never changes. "Present" is a
// promise (a pin): the record's touch was raised to the session's epoch
// before the answer. A record marked bad is answered "missing" and may be
// put again. Thread-safe.
//
// Every call: FailedPrecondition DATASTORE_UNKNOWN (call EnsureDatastore) or
// GENERATION_MISMATCH; Unavailable after a fatal error.
class ChunkClient {
 public:
  virtual ~ChunkClient() = default;

  // Makes the datastore known (synced). Idempotent. A generation above the
  // one that is known replaces it: the index was rebuilt, and the former one
  // is refused from now on.
  virtual absl::StatusOr<StoreState> EnsureDatastore(
      const Call& call, const DatastoreRef& datastore) = 0;

  // At most 4096 keys.
  virtual absl::StatusOr<PinReply> Pin(const Call& call,
                                       const SessionRef& session,
                                       std::span<const RecordKey> keys) = 0;

  // Stores records and pins them; at most 64 MiB of payload and 4096 records
  // a call. Not durable before Sync. Proves each: payload digest, and in the
  // plaintext domain, unless the record is `proved`, that the payload decodes
  // to the key's digest.
  // InvalidArgument: a record that does not prove. ResourceExhausted
  // (STORAGE_FULL): nothing of this call may be relied on.
  virtual absl::StatusOr<PutReply> Put(const Call& call,
                                       const SessionRef& session,
                                       std::vector<Record> records) = 0;

  // Makes durable every record that `session` stored or was told is present
  // under `incarnation`. FailedPrecondition (INCARNATION_CHANGED): the store
  // has restarted; pin again what was not known durable.
  virtual absl::Status Sync(const Call& call, const SessionRef& session,
                            uint64_t incarnation) = 0;

  // Appends manifests and events, in order, durable when it returns. At most
  // 64 records of at most 1 MiB. Returns the store's highest sequence.
  virtual absl::StatusOr<uint64_t> Append(const Call& call,
                                          const DatastoreRef& datastore,
                                          std::vector<Record> records) = 0;

  // At most 4096 keys. Reads ahead in pack order within a bounded window.
  // The deadline and the token of `call`, which outlives the stream, hold for
  // the stream: a Next that waits for another process ends with them.
  virtual absl::StatusOr<std::unique_ptr<RecordStream>> Get(
      const Call& call, const DatastoreRef& datastore,
      std::vector<RecordKey> keys) = 0;

  // Shows sweep token and epoch: from now on a lower token is refused
  // (FailedPrecondition STALE_TOKEN), durably; the touch floor becomes at
  // least the epoch. FailedPrecondition INDEX_BEHIND: a record with a higher
  // sequence is durable, and nothing has changed.
  virtual absl::StatusOr<StoreState> ShowToken(const Call& call,
                                               const DatastoreRef& datastore,
                                               const SweepNumbers& numbers) = 0;

  virtual absl::StatusOr<StoreStatistics> Statistics(
      const Call& call, const DatastoreRef& datastore) = 0;
};

}  // namespace cairn
