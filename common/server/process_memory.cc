#include "common/server/process_memory.h"

#include <malloc.h>

#include "common/log/log.h"

namespace cairn {
namespace {

// Each arena keeps what its threads freed; by default there are eight for
// each processor.
constexpr int kArenas = 4;
// Frames and chunks of the usual sizes stay below the threshold: mapping and
// unmapping each costs more than all that is done with it (measured through
// cairnd, per GiB: restore 4.8 s of processor time with 256 KiB, 2.1 s with
// 4 MiB; first backup 7.0 s and 4.4 s; peak memory 93 and 127 MiB). By
// default it grows to 32 MiB with use, and then larger ones stay too.
constexpr int kMmapThresholdBytes = 4 * 1024 * 1024;
// The top of an arena above this goes back at once.
constexpr int kTrimThresholdBytes = 8 * 1024 * 1024;

}  // namespace

void BoundProcessMemory() {
  // mallopt says 1 for success. A libc that knows none of this works too.
  const bool done = mallopt(M_ARENA_MAX, kArenas) == 1 &&
                    mallopt(M_MMAP_THRESHOLD, kMmapThresholdBytes) == 1 &&
                    mallopt(M_TRIM_THRESHOLD, kTrimThresholdBytes) == 1;
  if (!done) LOG(DEBUG) << "memory allocator takes no bounds";
}

}  // namespace cairn
