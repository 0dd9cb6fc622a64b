#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "tests/benchmark/chunk_study/table.h"

namespace cairn::study {

// Levels of zstd, and looks that tell early what does not compress.
class LevelStudy {
 public:
  // `level`: the one that a probe is to save.
  explicit LevelStudy(int level);

  // The different chunks of the archive `bytes` under `spec`.
  absl::Status Run(const std::string& corpus, std::string_view bytes,
                   const ChunkerSpec& spec);

  std::vector<Table> TakeTables();

 private:
  const int level_;
  Table levels_;
  Table probes_;
};

}  // namespace cairn::study
