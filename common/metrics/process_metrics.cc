#include "common/metrics/process_metrics.h"

#include <dirent.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include <cstdint>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "common/log/log.h"
#include "common/log/log_limit.h"

namespace cairn {
namespace {

double CpuSeconds() {
  rusage usage;
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) +
           static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Pages of /proc/self/statm: 0 is the virtual size, 1 the resident set.
double MemoryBytes(size_t column) {
  std::ifstream file("/proc/self/statm");
  uint64_t pages = 0;
  for (size_t i = 0; i <= column; ++i) {
    if (!(file >> pages)) return 0;
  }
  return static_cast<double>(pages) * static_cast<double>(getpagesize());
}

double OpenFiles() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(opendir("/proc/self/fd"),
                                                      &closedir);
  if (directory == nullptr) return 0;
  double count = 0;
  while (readdir(directory.get()) != nullptr) ++count;
  return count - 3;  // ".", ".." and the directory itself
}

double MaxFiles() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return static_cast<double>(limit.rlim_cur);
}

// The fields of /proc/self/stat after the name, which may hold spaces.
std::vector<std::string> StatFields() {
  std::ifstream file("/proc/self/stat");
  std::string line;
  std::getline(file, line);
  const size_t end = line.rfind(')');
  if (end == std::string::npos) return {};
  return absl::StrSplit(line.substr(end + 1), ' ', absl::SkipEmpty());
}

double StatField(size_t number) {
  // The first field after the name is number 3 in proc(5).
  const std::vector<std::string> fields = StatFields();
  double value = 0;
  if (number - 3 >= fields.size() ||
      !absl::SimpleAtod(fields[number - 3], &value)) {
    return 0;
  }
  return value;
}

// Start of the process in seconds since 1970: boot time plus ticks.
double StartTime() {
  std::ifstream file("/proc/stat");
  std::string word;
  double boot = 0;
  while (file >> word) {
    if (word == "btime") {
      file >> boot;
      break;
    }
  }
  return boot + StatField(22) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

void AddProcessMetrics(const std::string& service, const std::string& version,
                       MetricRegistry* registry) {
  registry
      ->AddGauge("cairn_build_info", "1, labelled by what runs.",
                 {{"service", service}, {"version", version}})
      .Set(1);
  const double start_time = StartTime();
  registry->AddCallback("process_cpu_seconds_total",
                        "User and system time in seconds.", {}, true,
                        CpuSeconds);
  registry->AddCallback("process_resident_memory_bytes",
                        "Resident memory in bytes.", {}, false,
                        [] { return MemoryBytes(1); });
  registry->AddCallback("process_virtual_memory_bytes",
                        "Virtual memory in bytes.", {}, false,
                        [] { return MemoryBytes(0); });
  registry->AddCallback("process_open_fds", "Open file descriptors.", {}, false,
                        OpenFiles);
  registry->AddCallback("process_max_fds", "Allowed file descriptors.", {},
                        false, MaxFiles);
  registry->AddCallback("process_threads", "Threads.", {}, false,
                        [] { return StatField(20); });
  registry->AddCallback("process_start_time_seconds",
                        "Start of the process in seconds since 1970.", {},
                        false, [start_time] { return start_time; });
  for (const LogLevel level : {LogLevel::kDebug, LogLevel::kInfo,
                               LogLevel::kWarning, LogLevel::kError}) {
    registry->AddCallback(
        "cairn_log_lines_total", "Log lines, written or left out.",
        {{"level", std::string(LogLevelName(level))}}, true, [level] {
          return static_cast<double>(
              CountLogLines().lines[static_cast<size_t>(level)]);
        });
  }
  registry->AddCallback(
      "cairn_log_lines_left_out_total",
      "Log lines not written because the same was repeated too often.", {},
      true, [] { return static_cast<double>(CountLogLines().left_out); });
}

}  // namespace cairn
