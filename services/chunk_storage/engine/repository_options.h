#pragma once

#include <cstdint>

#include "absl/status/status.h"

namespace cairn::chunk_storage {

// How the engine behaves.
struct RepositoryOptions {
  // A pack is sealed when its next record would go past this. Large packs
  // make few files; small ones make cheap compaction and recovery. A record
  // longer than this gets a pack of its own.
  uint64_t pack_bytes = uint64_t{256} << 20;
  // The same by records; at most kMaxPackRecords. Bounds the footer, the
  // places held in memory, and the batch that seals a pack.
  uint32_t pack_records = 65536;
  // Data packs open at a time in each datastore, beside one metadata pack.
  uint32_t open_packs = 4;
  // Free space that writes leave beside one whole pack; appends of manifests
  // and events (a forget is one) may use it.
  uint64_t reserve_bytes = uint64_t{256} << 20;
  // Of touches, in each datastore; above it they coarsen, which delays what
  // a sweep frees.
  uint64_t touch_memory_bytes = uint64_t{256} << 20;
  // Payload bytes that one Get reads ahead of its caller, at least one
  // record.
  uint64_t read_window_bytes = uint64_t{16} << 20;
  // Reads of one Get at the same time.
  uint32_t read_parallelism = 4;

  // Threads that one verify keeps busy. Each holds up to 8 MiB, or four
  // records.
  uint32_t verify_parallelism = 2;

  // InvalidArgument names the field.
  absl::Status Validate() const;
};

// Datastores in one store.
inline constexpr size_t kMaxDatastores = 1024;

}  // namespace cairn::chunk_storage
