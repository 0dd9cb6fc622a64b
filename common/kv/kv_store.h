#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace cairn {

// A table of a KvStore: an index into the list of names it was opened with.
using KvTable = uint32_t;

// Changes that take effect together or not at all, in the order added.
class KvBatch {
 public:
  struct Change {
    KvTable table;
    std::string key;
    std::optional<std::string> value;  // none: the key is removed
  };

  void Put(KvTable table, std::string key, std::string value) {
    changes_.push_back({table, std::move(key), std::move(value)});
  }
  void Remove(KvTable table, std::string key) {
    changes_.push_back({table, std::move(key), std::nullopt});
  }
  const std::vector<Change>& changes() const { return changes_; }
  bool empty() const { return changes_.empty(); }

  // A batch that gives space back in the end (forget, sweep, a lease's
  // release) or that must not be refused passes the free-space gate.
  void set_passes_gate(bool passes) { passes_gate_ = passes; }
  bool passes_gate() const { return passes_gate_; }

 private:
  std::vector<Change> changes_;
  bool passes_gate_ = false;
};

// Whether Commit returns before or after the batch, and with it every
// earlier batch, survives a power cut. Batches are lost only from the end:
// if one survives, all before it do.
enum class Durability { kBuffered, kSynced };

// Walks the keys of one table in bytewise order. Invalidated by nothing; it
// reads the view it came from. Not thread-safe.
class KvCursor {
 public:
  virtual ~KvCursor() = default;
  // True while the cursor stands on an entry.
  virtual bool Valid() const = 0;
  virtual std::string_view key() const = 0;
  virtual std::string_view value() const = 0;
  virtual void Next() = 0;
  // Not OK after a read error; Valid() is then false. Always check it after
  // a walk: an error must never look like the end.
  virtual absl::Status status() const = 0;
};

// The store as it was at one moment. Thread-safe.
class KvView {
 public:
  virtual ~KvView() = default;
  virtual absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const = 0;
  // Stands on the first key >= `lower`; ends before `upper` ("" = no end).
  virtual std::unique_ptr<KvCursor> Scan(KvTable table, std::string_view lower,
                                         std::string_view upper) const = 0;
};

// An ordered map of byte strings in named tables, with atomic batches and
// consistent views. The one shape in which services keep durable metadata:
// RocksKvStore in production, MemoryKvStore (with power cuts) in tests and
// simulation, both held to kv_store_contract.h. Thread-safe.
//
// A failed synced Commit, or a background error of the store, means that
// durability is unknown: the process must stop (see FatalErrorSink).
class KvStore {
 public:
  virtual ~KvStore() = default;

  virtual absl::StatusOr<std::optional<std::string>> Get(
      KvTable table, std::string_view key) const = 0;
  // One result per key, in order. At most 4096 keys.
  virtual absl::StatusOr<std::vector<std::optional<std::string>>> MultiGet(
      KvTable table, std::span<const std::string> keys) const = 0;
  virtual std::unique_ptr<KvView> NewView() const = 0;
  // ResourceExhausted (reason STORAGE_FULL): the free-space gate is closed;
  // nothing was written.
  virtual absl::Status Commit(const KvBatch& batch, Durability durability) = 0;
};

// The smallest string greater than every string that starts with `prefix`;
// "" if there is none. The `upper` of a prefix scan.
std::string PrefixEnd(std::string_view prefix);

}  // namespace cairn
