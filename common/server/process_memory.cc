#include "common/server/process_memory.h"

#include <malloc.h>

#include "common/log/log.h"

namespace cairn {
namespace {

// Each arena keeps what its threads freed; by default there are eight for
// each processor.
constexpr int kArenas = 4;
// Frames, pages and chunks are mapped and so unmapped when freed. By default
// the threshold grows to 32 MiB with use, and then they stay.
constexpr int kMmapThresholdBytes = 256 * 1024;
// The top of an arena above this goes back at once.
constexpr int kTrimThresholdBytes = 1024 * 1024;

}  // namespace

void BoundProcessMemory() {
  // mallopt says 1 for success. A libc that knows none of this works too.
  const bool done = mallopt(M_ARENA_MAX, kArenas) == 1 &&
                    mallopt(M_MMAP_THRESHOLD, kMmapThresholdBytes) == 1 &&
                    mallopt(M_TRIM_THRESHOLD, kTrimThresholdBytes) == 1;
  if (!done) LOG(DEBUG) << "memory allocator takes no bounds";
}

}  // namespace cairn
