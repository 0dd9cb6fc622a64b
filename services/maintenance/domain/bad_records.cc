#include "services/maintenance/domain/bad_records.h"

namespace cairn::maintenance {

void BadRecords::Add(const Key& key) {
  if (std::get<0>(key) == RecordKind::kEvent || marks_.contains(key)) return;
  if (marks_.size() < limit_) {
    marks_.insert(key);
  } else {
    full_ = true;
  }
}

void BadRecords::Add(const RecordKey& key) {
  Add(Key(key.kind, key.domain, MarkPrefix(key.digest)));
}

void BadRecords::Add(const MarkRun& run) {
  for (const Mark& mark : run.marks) {
    Add(Key(run.kind, run.domain, mark.prefix));
  }
}

std::vector<std::vector<MarkRun>> BadRecords::Parts(
    size_t marks_per_part) const {
  std::vector<std::vector<MarkRun>> parts;
  size_t in_part = marks_per_part;
  for (const auto& [kind, domain, prefix] : marks_) {
    if (in_part == marks_per_part) {
      parts.emplace_back();
      in_part = 0;
    }
    std::vector<MarkRun>& runs = parts.back();
    if (runs.empty() || runs.back().kind != kind ||
        runs.back().domain != domain ||
        runs.back().marks.size() == kMaxMarksPerRun) {
      runs.push_back({.kind = kind, .domain = domain});
    }
    runs.back().marks.push_back({prefix, MarkHolder::kListed});
    ++in_part;
  }
  return parts;
}

}  // namespace cairn::maintenance
