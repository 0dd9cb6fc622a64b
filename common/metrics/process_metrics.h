#pragma once

#include <string>

#include "common/metrics/metric_registry.h"

namespace cairn {

// Adds what tells the state of the process, under the usual names:
//   process_cpu_seconds_total, process_resident_memory_bytes,
//   process_virtual_memory_bytes, process_open_fds, process_max_fds,
//   process_threads, process_start_time_seconds
// cairn_build_info{service,version} = 1, and
//   cairn_log_lines_total{level}, cairn_log_lines_left_out_total
// Read from the kernel at each scrape; 0 where it cannot tell.
void AddProcessMetrics(const std::string& service, const std::string& version,
                       MetricRegistry* registry);

}  // namespace cairn
