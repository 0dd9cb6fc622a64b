#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/uuid.h"
#include "common/pack/pack_format.h"
#include "common/pack/pack_scanner.h"

namespace cairn {

// How much of a pack is read to know what it holds.
enum class SurveyDepth {
  // A footer that proves is believed; a pack without one is scanned.
  kFooter,
  // Every record is read and proved, whatever the footer says.
  kPayloads,
};

// What a pack file holds. At most kMaxPackRecords of each list.
struct PackSurvey {
  std::optional<PackHeader> header;  // none: the header block is damaged
  bool has_footer = false;           // one that proves
  bool proved = false;               // every payload was read
  std::vector<PackEntry> records;    // by ascending offset
  // Records that the footer or their own header names and that do not prove,
  // by ascending offset. Empty if nothing but the footer was read.
  std::vector<PackEntry> damaged;
  // Bytes before the footer that are neither a proved record nor zeros, and
  // where they are.
  uint64_t damaged_bytes = 0;
  std::vector<PackScanner::DamagedRange> damaged_ranges;
  // Of those, what may have been records that nobody names: a footer names
  // them all.
  uint64_t unnamed_bytes = 0;

  // By the header, else by the first record, else kData.
  PackClass pack_class() const;
};

// Never fails for what the bytes are: other codes of `read` than DataLoss.
absl::StatusOr<PackSurvey> SurveyPack(const Uuid& pack, uint64_t file_bytes,
                                      const PackRead& read, SurveyDepth depth);

}  // namespace cairn
