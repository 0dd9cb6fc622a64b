#pragma once

#include <cstdint>
#include <vector>

#include "tests/benchmark/chunk_study/table.h"

namespace cairn::study {

// Restore of the newest snapshot of an image after many, each of which wrote
// over a share of it in runs of 4 to 64 KiB, at random: by then what lies side
// by side in the image lies in packs of many snapshots. Only places are made
// up, no bytes; the disk is that of the seeds' formula.
Table StudyAgedImage(const std::vector<uint32_t>& chunk_sizes);

}  // namespace cairn::study
