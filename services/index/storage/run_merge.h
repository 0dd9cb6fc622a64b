#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/index/storage/run_file.h"

// Sorting by runs: what is the same for every kind of entry.
//
// An Entry has a `key`, which is ordered, and a `holder`; of entries with
// equal keys the one with the lowest holder counts. A source gives entries
// strictly ascending by key:
//   bool Next()            false at the end, or after an error
//   const Entry& entry()   after Next() was true
//   absl::Status status()  of the error, or OK
// A Codec has an Entry, a Writer of blocks (Add: false if the block must be
// taken first; Take: the block, empty if there is none) and a Reader of one
// (Load: false if it is no block; Next: false at its end).
namespace cairn::index {

// Called from time to time in long work; not OK ends it.
using WorkTick = absl::FunctionRef<absl::Status()>;
inline constexpr uint64_t kEntriesPerTick = uint64_t{1} << 16;

// The entries of one run.
template <typename Codec>
class RunSource {
 public:
  using Entry = typename Codec::Entry;

  explicit RunSource(std::shared_ptr<const RunFile> run)
      : reader_(std::move(run)) {}

  bool Next() {
    if (!status_.ok()) return false;
    Entry next;
    while (!block_.Next(next)) {
      if (!LoadBlock()) return false;
    }
    if (seen_ > 0 && !(entry_.key < next.key)) {
      return Fail(reader_.Damaged("its entries are out of order"));
    }
    entry_ = next;
    ++seen_;
    return true;
  }
  const Entry& entry() const { return entry_; }
  const absl::Status& status() const { return status_; }

 private:
  bool LoadBlock() {
    absl::StatusOr<std::optional<std::string>> bytes = reader_.Next();
    if (!bytes.ok()) return Fail(bytes.status());
    if (!bytes->has_value()) {
      return seen_ != reader_.run().entries() &&
             Fail(reader_.Damaged("there are too few entries"));
    }
    return block_.Load(**std::move(bytes)) ||
           Fail(reader_.Damaged("it is no block of entries"));
  }
  bool Fail(absl::Status status) {
    status_ = std::move(status);
    return false;
  }

  RunReader reader_;
  typename Codec::Reader block_;
  Entry entry_;
  uint64_t seen_ = 0;
  absl::Status status_;
};

// The entries of several sources, as one.
template <typename Source>
class RunMerge {
 public:
  using Entry = typename Source::Entry;

  explicit RunMerge(std::vector<std::unique_ptr<Source>> sources)
      : sources_(std::move(sources)) {
    for (const auto& source : sources_) {
      if (source->Next()) {
        heap_.push_back(source.get());
      } else {
        status_.Update(source->status());
      }
    }
    std::make_heap(heap_.begin(), heap_.end(), Later);
  }

  bool Next() {
    if (!status_.ok() || heap_.empty()) return false;
    entry_ = heap_.front()->entry();
    Advance();
    while (!heap_.empty() && heap_.front()->entry().key == entry_.key) {
      entry_.holder = std::min(entry_.holder, heap_.front()->entry().holder);
      Advance();
    }
    // What was lost may be of the same key, with a stronger holder.
    return status_.ok();
  }
  const Entry& entry() const { return entry_; }
  const absl::Status& status() const { return status_; }

 private:
  static bool Later(const Source* a, const Source* b) {
    return b->entry().key < a->entry().key;
  }

  // Moves the first source on, and to where it belongs: less work than a
  // pop and a push.
  void Advance() {
    if (!heap_.front()->Next()) {
      status_.Update(heap_.front()->status());
      heap_.front() = heap_.back();
      heap_.pop_back();
    }
    size_t at = 0;
    for (size_t child = 1; child < heap_.size(); child = 2 * at + 1) {
      if (child + 1 < heap_.size() && Later(heap_[child], heap_[child + 1])) {
        ++child;
      }
      if (!Later(heap_[at], heap_[child])) break;
      std::swap(heap_[at], heap_[child]);
      at = child;
    }
  }

  const std::vector<std::unique_ptr<Source>> sources_;
  std::vector<Source*> heap_;  // first the one of the lowest key
  Entry entry_;
  absl::Status status_;
};

// Writes what `source` gives to a new run.
template <typename Codec, typename Source>
absl::StatusOr<std::shared_ptr<const RunFile>> WriteRun(RunDirectory* directory,
                                                        Source& source,
                                                        WorkTick tick) {
  ASSIGN_OR_RETURN(RunWriter run, RunWriter::Create(directory));
  typename Codec::Writer block;
  uint64_t entries = 0;
  while (source.Next()) {
    if (++entries % kEntriesPerTick == 0) RETURN_IF_ERROR(tick());
    if (block.Add(source.entry())) continue;
    RETURN_IF_ERROR(run.Append(block.Take()));
    CHECK(block.Add(source.entry()));
  }
  RETURN_IF_ERROR(source.status());
  const std::string last = block.Take();
  if (!last.empty()) RETURN_IF_ERROR(run.Append(last));
  return std::move(run).Finish(entries);
}

// Runs, of which so many are merged that never more than a few have to be
// read at one time, however many are added. Not thread-safe.
template <typename Codec>
class RunSet {
 public:
  // `fan_in`: how many are merged at one time, each with one block in memory.
  // `directory` outlives the set.
  explicit RunSet(RunDirectory* directory, size_t fan_in = 64)
      : directory_(directory), fan_in_(fan_in) {}

  bool empty() const { return levels_.empty(); }

  template <typename Source>
  absl::Status Add(Source& source, WorkTick tick) {
    ASSIGN_OR_RETURN(auto run, WriteRun<Codec>(directory_, source, tick));
    for (size_t level = 0;; ++level) {
      if (levels_.size() == level) levels_.emplace_back();
      levels_[level].push_back(std::move(run));
      if (levels_[level].size() < fan_in_) return absl::OkStatus();
      ASSIGN_OR_RETURN(run, MergeRuns(std::exchange(levels_[level], {}), tick));
    }
  }

  // All of them as one run. The set is empty afterwards.
  absl::StatusOr<std::shared_ptr<const RunFile>> TakeMerged(WorkTick tick) {
    // The short ones first.
    std::vector<std::shared_ptr<const RunFile>> some;
    for (auto& level : std::exchange(levels_, {})) {
      for (auto& run : level) {
        some.push_back(std::move(run));
        if (some.size() < fan_in_) continue;
        ASSIGN_OR_RETURN(auto merged, MergeRuns(std::exchange(some, {}), tick));
        some.push_back(std::move(merged));
      }
    }
    if (some.size() == 1) return std::move(some.front());
    return MergeRuns(std::move(some), tick);
  }

 private:
  absl::StatusOr<std::shared_ptr<const RunFile>> MergeRuns(
      std::vector<std::shared_ptr<const RunFile>> runs, WorkTick tick) {
    std::vector<std::unique_ptr<RunSource<Codec>>> sources;
    for (auto& run : runs) {
      sources.push_back(std::make_unique<RunSource<Codec>>(std::move(run)));
    }
    RunMerge<RunSource<Codec>> merge(std::move(sources));
    return WriteRun<Codec>(directory_, merge, tick);
  }

  RunDirectory* const directory_;
  const size_t fan_in_;
  std::vector<std::vector<std::shared_ptr<const RunFile>>> levels_;
};

}  // namespace cairn::index
