#include "common/pack/pack_survey.h"

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

// Adds the records of `footer` that were neither proved nor found damaged:
// not even their headers are there.
void AddUnfound(const std::vector<PackEntry>& footer, PackSurvey& survey) {
  absl::flat_hash_set<uint64_t> found;
  for (const PackEntry& entry : survey.records) found.insert(entry.offset);
  for (const PackEntry& entry : survey.damaged) found.insert(entry.offset);
  for (const PackEntry& entry : footer) {
    if (!found.contains(entry.offset)) survey.damaged.push_back(entry);
  }
  std::sort(survey.damaged.begin(), survey.damaged.end(),
            [](const PackEntry& a, const PackEntry& b) {
              return a.offset < b.offset;
            });
}

}  // namespace

PackClass PackSurvey::pack_class() const {
  if (header.has_value()) return header->pack_class;
  if (!records.empty()) return ClassOf(records.front().key.kind);
  return PackClass::kData;
}

absl::StatusOr<PackSurvey> SurveyPack(const Uuid& pack, uint64_t file_bytes,
                                      const PackRead& read, SurveyDepth depth) {
  PackSurvey survey;
  ASSIGN_OR_RETURN(std::optional<PackContents> footer,
                   ReadPackFooter(pack, file_bytes, read));
  survey.has_footer = footer.has_value();
  survey.proved = !survey.has_footer || depth == SurveyDepth::kPayloads;
  uint64_t end = file_bytes;
  if (survey.has_footer) {
    // Believing the footer, only the header block is scanned.
    end = survey.proved ? footer->footer_offset
                        : std::min(file_bytes, kPackBlockBytes);
  }
  PackScanner scanner(pack, end, read);
  while (survey.records.size() < kMaxPackRecords) {
    ASSIGN_OR_RETURN(const std::optional<PackEntry> entry, scanner.Next());
    if (!entry.has_value()) break;
    survey.records.push_back(*entry);
  }
  survey.header = scanner.header();
  survey.damaged = scanner.damaged_records();
  survey.damaged_bytes = scanner.damaged_bytes();
  survey.damaged_ranges = scanner.damaged();
  if (!survey.has_footer) {
    uint64_t named = 0;
    for (const PackEntry& entry : survey.damaged) {
      named += std::min(RecordExtent(entry.stored_length),
                        file_bytes - entry.offset);
    }
    survey.unnamed_bytes =
        survey.damaged_bytes - std::min(named, survey.damaged_bytes);
    return survey;
  }
  if (survey.proved) {
    AddUnfound(footer->entries, survey);
  } else {
    survey.records = std::move(footer->entries);
  }
  return survey;
}

}  // namespace cairn
