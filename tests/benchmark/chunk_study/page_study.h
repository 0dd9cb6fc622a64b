#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/benchmark/chunk_study/table.h"

namespace cairn::study {

// Means of entries a page, over an archive of `chunks` made up chunks and
// changes of it: one chunk, one run, many runs, many chunks far apart.
absl::StatusOr<Table> StudyPages(const std::vector<uint32_t>& page_means,
                                 uint64_t chunks);

}  // namespace cairn::study
