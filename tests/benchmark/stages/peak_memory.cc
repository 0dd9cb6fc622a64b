#include "tests/benchmark/stages/peak_memory.h"

#include <malloc.h>

#include <cstdlib>
#include <fstream>
#include <string>

namespace cairn {
namespace {

double StatusMiB(const std::string& name) {
  std::ifstream file("/proc/self/status");
  std::string line;
  while (std::getline(file, line)) {
    if (line.compare(0, name.size(), name) != 0) continue;
    return std::strtod(line.c_str() + name.size(), nullptr) / 1024;
  }
  return 0;
}

}  // namespace

double ResidentMiB() { return StatusMiB("VmRSS:"); }

double PeakMiB() { return StatusMiB("VmHWM:"); }

void ForgetPeak() {
  malloc_trim(0);
  std::ofstream("/proc/self/clear_refs") << "5";
}

}  // namespace cairn
