#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cairn::chunk_storage {

// One bit for each record of a pack, by ordinal. Grows with what is set; not
// thread-safe.
class RecordBits {
 public:
  void Set(uint32_t ordinal) {
    const size_t word = ordinal / 64;
    if (word >= words_.size()) words_.resize(word + 1, 0);
    words_[word] |= uint64_t{1} << (ordinal % 64);
  }
  void Clear(uint32_t ordinal) {
    if (ordinal / 64 < words_.size()) {
      words_[ordinal / 64] &= ~(uint64_t{1} << (ordinal % 64));
    }
  }
  bool Test(uint32_t ordinal) const {
    return ordinal / 64 < words_.size() &&
           (words_[ordinal / 64] >> (ordinal % 64) & 1) != 0;
  }
  // Room for ordinals below `count`, so that sets of them take no more.
  void Reserve(uint32_t count) { words_.reserve((count + 63) / 64); }

  // `visit` gets each ordinal that is set, ascending.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (size_t word = 0; word < words_.size(); ++word) {
      for (uint64_t bits = words_[word]; bits != 0; bits &= bits - 1) {
        visit(static_cast<uint32_t>(
            word * 64 + static_cast<size_t>(std::countr_zero(bits))));
      }
    }
  }

 private:
  std::vector<uint64_t> words_;
};

}  // namespace cairn::chunk_storage
