#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace cairn::study {

// What the program was asked for.
struct StudyOptions {
  // Files, the first snapshot and the second; none: the parts that want one
  // are left out.
  std::vector<std::string> image;
  std::vector<std::string> stream;
  std::vector<std::string> parts;
  std::vector<std::string> image_chunkers;
  std::vector<std::string> stream_chunkers;
  // Each "D:F": minimum = average / D, maximum = average * F.
  std::vector<std::string> shapes;
  std::vector<uint32_t> sizes_kib;
  std::vector<uint32_t> candidates_kib;
  std::vector<uint32_t> page_means;
  uint32_t page_mean = 0;
  int zstd_level = 0;
  uint64_t references = 0;
  uint64_t disk_mib = 0;
  std::string json;

  bool Wants(const std::string& part) const;
};

// Ends the process with a text if the arguments are wrong, or ask for help.
StudyOptions ParseStudyOptions(int argc, char** argv);

}  // namespace cairn::study
