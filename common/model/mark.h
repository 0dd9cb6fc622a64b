#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/record.h"

namespace cairn {

// What still refers to a record; the strongest holder counts.
enum class MarkHolder : uint8_t {
  kListed = 1,   // a listed snapshot, or one that a lease holds
  kSession = 2,  // an open session only
  kTrash = 3,    // a snapshot in trash only
};

struct Mark {
  // The first 8 bytes of the digest, big endian. Two records that share them
  // are marked both, which only keeps more.
  uint64_t prefix = 0;
  MarkHolder holder = MarkHolder::kListed;
  friend bool operator==(const Mark&, const Mark&) = default;
};
uint64_t MarkPrefix(const Digest& digest);

inline constexpr size_t kMaxMarksPerRun = 65536;

// Marks of one kind and domain, strictly ascending by prefix.
struct MarkRun {
  RecordKind kind = RecordKind::kChunk;  // no events
  Domain domain;
  std::vector<Mark> marks;  // 1..kMaxMarksPerRun
};

// Marks in the order of record keys: through all runs by kind, domain and
// prefix, strictly ascending. Not thread-safe.
class MarkStream {
 public:
  virtual ~MarkStream() = default;
  // The next run; nullopt after the last. An error ends the stream, and says
  // that what came so far is not all.
  virtual absl::StatusOr<std::optional<MarkRun>> Next() = 0;
};

}  // namespace cairn
