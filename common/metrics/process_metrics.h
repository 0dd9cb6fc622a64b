#pragma once

#include <string>

#include "common/metrics/metric_registry.h"

namespace cairn {

// Adds what tells the state of the process, under the usual names:
//   process_cpu_seconds_total, process_resident_memory_bytes,
//   process_virtual_memory_bytes, process_open_fds, process_max_fds,
//   process_threads, process_start_time_seconds
// and cairn_build_info{service,version} = 1. Read from the kernel at each
// scrape; 0 where it cannot tell.
void AddProcessMetrics(const std::string& service, const std::string& version,
                       MetricRegistry* registry);

}  // namespace cairn
