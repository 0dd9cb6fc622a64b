#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/io/file_system.h"
#include "common/model/archive.h"

namespace cairn::study {

// Memory for the whole file: the study looks at its bytes many times.
absl::StatusOr<std::string> ReadWholeFile(const FileSystem& files,
                                          const std::string& path);

// A specification of `average_bytes`, which is fixed for "fixed-v1", else of
// a minimum and a maximum that are the average divided and multiplied.
ChunkerSpec SpecOf(const std::string& chunker, uint32_t average_bytes,
                   uint32_t min_divisor, uint32_t max_factor);

// An archive as ingest cuts it: chunks and holes in order, nothing joined.
struct ArchiveCut {
  std::vector<ChunkEntry> entries;
  uint64_t size_bytes = 0;
  uint64_t hole_bytes = 0;
  uint64_t chunks = 0;      // entries that are no holes
  absl::Duration cut_cpu;   // the chunker
  absl::Duration zero_cpu;  // which chunks are holes
  absl::Duration hash_cpu;  // SHA-256 of the others
};

// Zeros are holes chunk by chunk; where a sparse file has holes is not asked.
absl::StatusOr<ArchiveCut> CutArchive(const ChunkerSpec& spec,
                                      std::string_view bytes);

}  // namespace cairn::study
