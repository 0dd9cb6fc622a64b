#pragma once

#include <cstdint>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/model/archive.h"
#include "common/model/digest.h"
#include "tests/benchmark/chunk_study/page_cost.h"

namespace cairn::study {

// One bit per stored chunk, found by the first 8 bytes of its digest: what a
// mark in memory costs. (A real one must tell two digests that begin alike
// apart, which costs a look at the place of each hit at most.)
class MarkTable {
 public:
  explicit MarkTable(size_t chunks);

  // `number` < chunks.
  void Put(const Digest& digest, uint32_t number);
  // NotFound: not one of the chunks.
  absl::Status Mark(const Digest& digest);

  uint64_t marked() const { return marked_; }
  uint64_t table_bytes() const;
  uint64_t bit_bytes() const { return bits_.size() * sizeof(bits_[0]); }

 private:
  absl::flat_hash_map<uint64_t, uint32_t> numbers_;
  std::vector<uint64_t> bits_;
  uint64_t marked_ = 0;
};

struct MarkCost {
  uint64_t pages = 0;       // distinct
  uint64_t references = 0;  // entries of distinct leaf pages, no holes
  absl::Duration cpu;       // fetch, prove, decode, look up, mark
};

// Marks what the trees of `roots` refer to, each distinct page once.
absl::StatusOr<MarkCost> MarkTrees(const std::vector<PageRoot>& roots,
                                   const PageSet& pages, MarkTable& table);

}  // namespace cairn::study
