#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "common/model/mark.h"
#include "common/model/record.h"

namespace cairn::index {

// Where a mark stands among all: by kind, domain, prefix.
struct MarkKey {
  RecordKind kind = RecordKind::kChunk;
  // Of the domain, as two big endian numbers, which compare as its bytes do.
  uint64_t domain_high = 0;
  uint64_t domain_low = 0;
  uint64_t prefix = 0;

  MarkKey() = default;
  MarkKey(RecordKind kind, const Domain& domain, uint64_t prefix);
  Domain domain() const;

  friend auto operator<=>(const MarkKey&, const MarkKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const MarkKey& k) {
    return H::combine(std::move(h), static_cast<uint8_t>(k.kind), k.domain_high,
                      k.domain_low, k.prefix);
  }
};

struct MarkEntry {
  MarkKey key;
  MarkHolder holder = MarkHolder::kListed;
  friend bool operator==(const MarkEntry&, const MarkEntry&) = default;
};

// Marks of one kind and domain as a block of a run: kind, domain, their
// holder or 0, their prefixes as the machine has them, and, if the holder is
// 0, one byte of holder for each. Not packed further: the differences of
// random prefixes are a quarter shorter, and cost more to read and write than
// the bytes they save.
struct MarkCodec {
  using Entry = MarkEntry;

  class Writer {
   public:
    bool Add(const MarkEntry& entry);
    std::string Take();

   private:
    MarkKey first_;
    bool one_holder_ = true;
    std::string prefixes_;
    std::string holders_;
  };

  class Reader {
   public:
    bool Load(std::string block);
    bool Next(MarkEntry& entry);

   private:
    std::string block_;
    MarkEntry entry_;  // its kind, domain, and holder if they have one
    bool one_holder_ = true;
    size_t count_ = 0;
    size_t next_ = 0;
  };
};

}  // namespace cairn::index
