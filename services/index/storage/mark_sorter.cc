#include "services/index/storage/mark_sorter.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>
#include <utility>

#include "common/status/status_macros.h"
#include "services/index/storage/radix_sort.h"

namespace cairn::index {
namespace {

// Marks of other kinds, domains or holders by turns, that are told apart in
// memory: 3 MiB of it.
constexpr size_t kMaxSegments = 65536;
// In one run of a stream: large enough that what goes around it costs
// nothing, small enough for a processor's cache.
constexpr size_t kMarksPerRun = 16384;
static_assert(kMarksPerRun <= kMaxMarksPerRun);

bool SameGroup(const MarkKey& a, const MarkKey& b) {
  return a.kind == b.kind && a.domain_high == b.domain_high &&
         a.domain_low == b.domain_low;
}

// What a source gives, as runs.
template <typename Source>
class SourceStream final : public MarkStream {
 public:
  template <typename... Args>
  explicit SourceStream(std::shared_ptr<const SortedMarks> marks,
                        Args&&... args)
      : marks_(std::move(marks)), source_(std::forward<Args>(args)...) {}

  absl::StatusOr<std::optional<MarkRun>> Next() override {
    if (!started_) {
      started_ = true;
      more_ = source_.Next();
    }
    RETURN_IF_ERROR(source_.status());
    if (!more_) return std::nullopt;
    const MarkKey first = source_.entry().key;
    MarkRun run{.kind = first.kind, .domain = first.domain(), .marks = {}};
    run.marks.reserve(kMarksPerRun);
    while (more_ && run.marks.size() < kMarksPerRun &&
           SameGroup(first, source_.entry().key)) {
      run.marks.push_back({.prefix = source_.entry().key.prefix,
                           .holder = source_.entry().holder});
      more_ = source_.Next();
    }
    RETURN_IF_ERROR(source_.status());
    return run;
  }

 private:
  const std::shared_ptr<const SortedMarks> marks_;
  Source source_;
  bool started_ = false;
  bool more_ = false;
};

class JoinedStream final : public MarkStream {
 public:
  JoinedStream(std::unique_ptr<MarkStream> first,
               std::unique_ptr<MarkStream> second)
      : first_(std::move(first)), second_(std::move(second)) {}

  absl::StatusOr<std::optional<MarkRun>> Next() override {
    if (first_ != nullptr) {
      ASSIGN_OR_RETURN(std::optional<MarkRun> run, first_->Next());
      if (run.has_value()) return run;
      // What it holds is not needed any more.
      first_.reset();
    }
    return second_->Next();
  }

 private:
  std::unique_ptr<MarkStream> first_;
  const std::unique_ptr<MarkStream> second_;
};

}  // namespace

std::unique_ptr<MarkStream> SortedMarks::NewStream(
    const std::shared_ptr<const SortedMarks>& self) {
  return self->Open(self);
}

std::unique_ptr<MarkStream> JoinMarks(std::unique_ptr<MarkStream> first,
                                      std::unique_ptr<MarkStream> second) {
  return std::make_unique<JoinedStream>(std::move(first), std::move(second));
}

// The sorted sections as one source: those of one kind and domain, which
// differ in their holder, are merged.
class MarkSorter::Source {
 public:
  using Entry = MarkEntry;

  Source(const uint64_t* prefixes, std::span<const Section> sections)
      : prefixes_(prefixes), sections_(sections) {}

  bool Next() {
    // Sections are sorted by holder, so the first of equal ones is strongest.
    const Section* lowest = nullptr;
    for (Section& section : std::span(merged_).first(merged_count_)) {
      if (section.begin == section.end) continue;
      if (lowest == nullptr ||
          prefixes_[section.begin] < prefixes_[lowest->begin]) {
        lowest = &section;
      }
    }
    if (lowest == nullptr) return NextGroup() && Next();
    entry_.key = lowest->first;
    entry_.key.prefix = prefixes_[lowest->begin];
    entry_.holder = lowest->holder;
    for (Section& section : std::span(merged_).first(merged_count_)) {
      if (section.begin != section.end &&
          prefixes_[section.begin] == entry_.key.prefix) {
        ++section.begin;
      }
    }
    return true;
  }
  const MarkEntry& entry() const { return entry_; }
  absl::Status status() const { return absl::OkStatus(); }

 private:
  bool NextGroup() {
    if (sections_.empty()) return false;
    merged_count_ = 0;
    while (merged_count_ < sections_.size() &&
           SameGroup(sections_[merged_count_].first, sections_[0].first)) {
      merged_[merged_count_] = sections_[merged_count_];
      ++merged_count_;
    }
    sections_ = sections_.subspan(merged_count_);
    return true;
  }

  const uint64_t* const prefixes_;
  std::span<const Section> sections_;  // that follow
  std::array<Section, 3> merged_;      // one a holder
  size_t merged_count_ = 0;
  MarkEntry entry_;
};

class MarkSorter::InMemory final : public SortedMarks {
 public:
  InMemory(std::unique_ptr<uint64_t[]> prefixes, std::vector<Section> sections)
      : prefixes_(std::move(prefixes)), sections_(std::move(sections)) {
    Source source(prefixes_.get(), sections_);
    while (source.Next()) ++count_;
  }
  uint64_t count() const override { return count_; }

 private:
  std::unique_ptr<MarkStream> Open(
      std::shared_ptr<const SortedMarks> self) const override {
    return std::make_unique<SourceStream<Source>>(
        std::move(self), prefixes_.get(), std::span(sections_));
  }

  const std::unique_ptr<uint64_t[]> prefixes_;
  const std::vector<Section> sections_;
  uint64_t count_ = 0;
};

class MarkSorter::InFile final : public SortedMarks {
 public:
  explicit InFile(std::shared_ptr<const RunFile> run) : run_(std::move(run)) {}
  uint64_t count() const override { return run_->entries(); }

 private:
  std::unique_ptr<MarkStream> Open(
      std::shared_ptr<const SortedMarks> self) const override {
    return std::make_unique<SourceStream<RunSource<MarkCodec>>>(std::move(self),
                                                                run_);
  }

  const std::shared_ptr<const RunFile> run_;
};

MarkSorter::MarkSorter(const Options& options, RunDirectory* directory)
    : capacity_(
          std::max<size_t>(options.memory_bytes / (2 * sizeof(uint64_t)), 1)),
      directory_(directory),
      // Not written to, so that the memory is taken as it is used.
      added_(new uint64_t[capacity_]),
      sorted_(new uint64_t[capacity_]),
      runs_(directory, options.fan_in) {}

absl::Status MarkSorter::Add(RecordKind kind, const Domain& domain,
                             MarkHolder holder,
                             std::span<const uint64_t> prefixes,
                             WorkTick tick) {
  const MarkKey first(kind, domain, 0);
  while (!prefixes.empty()) {
    if (size_ == capacity_ || segments_.size() == kMaxSegments) {
      RETURN_IF_ERROR(Spill(tick));
    }
    if (segments_.empty() || segments_.back().first != first ||
        segments_.back().holder != holder) {
      segments_.push_back({.first = first, .holder = holder, .begin = size_});
    }
    const auto some =
        prefixes.first(std::min(prefixes.size(), capacity_ - size_));
    std::copy(some.begin(), some.end(), added_.get() + size_);
    size_ += some.size();
    prefixes = prefixes.subspan(some.size());
  }
  return absl::OkStatus();
}

void MarkSorter::SortBuffer() {
  std::vector<Section> parts;
  parts.reserve(segments_.size());
  for (size_t i = 0; i < segments_.size(); ++i) {
    parts.push_back(
        {.first = segments_[i].first,
         .holder = segments_[i].holder,
         .begin = segments_[i].begin,
         .end = i + 1 < segments_.size() ? segments_[i + 1].begin : size_});
  }
  std::sort(parts.begin(), parts.end(), [](const auto& a, const auto& b) {
    return std::tie(a.first, a.holder, a.begin) <
           std::tie(b.first, b.holder, b.begin);
  });
  sections_.clear();
  size_t end = 0;
  for (const Section& part : parts) {
    if (sections_.empty() || sections_.back().first != part.first ||
        sections_.back().holder != part.holder) {
      sections_.push_back({.first = part.first,
                           .holder = part.holder,
                           .begin = end,
                           .end = end});
    }
    std::copy(added_.get() + part.begin, added_.get() + part.end,
              sorted_.get() + end);
    end += part.end - part.begin;
    sections_.back().end = end;
  }
  for (Section& section : sections_) {
    const std::span<uint64_t> keys(sorted_.get() + section.begin,
                                   section.end - section.begin);
    RadixSort(keys, std::span(added_.get(), capacity_));
    section.end = section.begin +
                  static_cast<size_t>(std::unique(keys.begin(), keys.end()) -
                                      keys.begin());
  }
  size_ = 0;
  segments_.clear();
}

absl::Status MarkSorter::Spill(WorkTick tick) {
  SortBuffer();
  Source source(sorted_.get(), sections_);
  return runs_.Add(source, tick);
}

absl::StatusOr<std::shared_ptr<const SortedMarks>> MarkSorter::Finish(
    WorkTick tick) {
  if (runs_.empty()) {
    SortBuffer();
    added_.reset();
    return std::make_shared<const InMemory>(std::move(sorted_),
                                            std::move(sections_));
  }
  if (size_ > 0) RETURN_IF_ERROR(Spill(tick));
  added_.reset();
  sorted_.reset();
  ASSIGN_OR_RETURN(auto run, runs_.TakeMerged(tick));
  return std::make_shared<const InFile>(std::move(run));
}

}  // namespace cairn::index
