#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/model/mark.h"
#include "common/model/record.h"
#include "services/index/storage/mark_block.h"
#include "services/index/storage/run_file.h"
#include "services/index/storage/run_merge.h"

namespace cairn::index {

// Marks that are sorted, each once, with its strongest holder. In memory, or
// in one file. Thread-safe, as are several streams.
class SortedMarks {
 public:
  virtual ~SortedMarks() = default;
  virtual uint64_t count() const = 0;
  // From the first one. `self` is this object, which the stream keeps.
  static std::unique_ptr<MarkStream> NewStream(
      const std::shared_ptr<const SortedMarks>& self);

 private:
  virtual std::unique_ptr<MarkStream> Open(
      std::shared_ptr<const SortedMarks> self) const = 0;
};

// `first`, and then what `second` gives.
std::unique_ptr<MarkStream> JoinMarks(std::unique_ptr<MarkStream> first,
                                      std::unique_ptr<MarkStream> second);

// Sorts marks in bounded memory. What does not fit goes to runs, in files of
// `directory`. Not thread-safe.
class MarkSorter {
 public:
  struct Options {
    // The half of it holds marks, 8 bytes each; the other half they are
    // sorted into. Used as far as it is needed only.
    size_t memory_bytes = size_t{64} << 20;
    size_t fan_in = 64;  // as RunSet
  };

  // `directory` outlives the sorter and what it makes.
  MarkSorter(const Options& options, RunDirectory* directory);

  // In any order, any number of times.
  absl::Status Add(RecordKind kind, const Domain& domain, MarkHolder holder,
                   std::span<const uint64_t> prefixes, WorkTick tick);

  // The sorter is not used any more.
  absl::StatusOr<std::shared_ptr<const SortedMarks>> Finish(WorkTick tick);

 private:
  // Marks that were added one after another: from `begin` to the next one's.
  struct Segment {
    MarkKey first;  // its prefix is zero
    MarkHolder holder;
    size_t begin;
  };
  // Sorted marks of one kind, domain and holder: prefixes_[begin, end).
  struct Section {
    MarkKey first;
    MarkHolder holder;
    size_t begin;
    size_t end;
  };
  class Source;
  class InMemory;
  class InFile;

  // Sorts what is in memory into sorted_ and sections_.
  void SortBuffer();
  absl::Status Spill(WorkTick tick);

  const size_t capacity_;  // marks
  RunDirectory* const directory_;
  std::unique_ptr<uint64_t[]> added_;
  std::unique_ptr<uint64_t[]> sorted_;
  size_t size_ = 0;  // of added_
  std::vector<Segment> segments_;
  std::vector<Section> sections_;
  RunSet<MarkCodec> runs_;
};

}  // namespace cairn::index
