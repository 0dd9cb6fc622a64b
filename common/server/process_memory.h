#pragma once

namespace cairn {

// Makes what is freed go back to the system, so that the limits that are set
// for queues and caches are seen as resident memory too. For the process;
// before it has threads.
void BoundProcessMemory();

}  // namespace cairn
