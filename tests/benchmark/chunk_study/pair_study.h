#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/model/archive.h"
#include "tests/benchmark/chunk_study/archive_cut.h"
#include "tests/benchmark/chunk_study/stored_chunks.h"
#include "tests/benchmark/chunk_study/table.h"

namespace cairn::study {

// Two snapshots of one archive, of which the second is a change of the first.
struct ArchivePair {
  std::string name;
  std::string first;
  std::string second;
};

// What a pair costs under one chunker after another.
class PairStudy {
 public:
  struct Options {
    int zstd_level = 3;
    uint32_t page_mean = 128;  // of the tables that are not about pages
    std::vector<uint32_t> page_means;
    // Average sizes of chunks for which all means of pages are tried.
    std::vector<uint32_t> candidates;
  };

  explicit PairStudy(Options options);

  absl::Status Run(const ArchivePair& pair, const ChunkerSpec& spec);

  std::vector<Table> TakeTables();

 private:
  // A pair under one chunker.
  struct Stored {
    std::string corpus;
    ChunkerSpec spec;
    ArchiveCut first;
    ArchiveCut second;
    StoredGrowth first_growth;
    StoredGrowth second_growth;
    StoredChunks chunks;
  };

  absl::Status AddGrowth(const Stored& stored);
  void AddCosts(const Stored& stored);
  absl::Status AddPages(const Stored& stored);
  absl::Status AddMark(const Stored& stored);
  void AddReads(const Stored& stored);

  const Options options_;
  Table growth_;
  Table costs_;
  Table pages_;
  Table marks_;
  Table reads_;
};

// "poly-v1 256 KiB (64 KiB-1 MiB)".
std::string SpecName(const ChunkerSpec& spec);
// "64 KiB", "4 MiB".
std::string SizeName(uint64_t bytes);

}  // namespace cairn::study
