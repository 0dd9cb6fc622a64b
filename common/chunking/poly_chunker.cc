#include "common/chunking/poly_chunker.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace cairn {
namespace {

constexpr int kNormalisationBits = 2;

// Where in a chunk which strength holds: up to a length of `end`.
struct Zone {
  uint32_t end;
  int strength;
};

}  // namespace

PolyChunker::PolyChunker(const ChunkerSpec& spec, PolyMethod method)
    : min_bytes_(spec.min_bytes),
      average_bytes_(spec.average_bytes),
      max_bytes_(spec.max_bytes),
      method_(method) {}

void PolyChunker::Reset(uint64_t /*offset*/) { Restart(); }

void PolyChunker::Restart() {
  length_ = 0;
  kept_ = 0;
}

size_t PolyChunker::Take(size_t count, uint32_t end) {
  if (length_ >= end) return 0;
  const size_t taken = std::min<size_t>(count, end - length_);
  length_ += static_cast<uint32_t>(taken);
  return taken;
}

size_t PolyChunker::Test(std::string_view bytes, size_t from) {
  const auto* const begin = reinterpret_cast<const uint8_t*>(bytes.data());
  // The byte that makes the chunk min_bytes long is the first to be tested.
  size_t at = from + Take(bytes.size() - from, min_bytes_ - 1);

  const int bits = std::countr_zero(average_bytes_);
  for (const auto& [end, strength] :
       {Zone{average_bytes_ - 1, bits + kNormalisationBits},
        Zone{max_bytes_ - 1, bits - kNormalisationBits}}) {
    const size_t count = Take(bytes.size() - at, end);
    const size_t cut = PolyScan(method_, begin + at, count, strength);
    if (cut != 0) {
      Restart();
      return at + cut;
    }
    at += count;
  }
  if (at == bytes.size()) return 0;
  Restart();
  return at + 1;  // the byte that makes the chunk max_bytes long
}

void PolyChunker::Keep(std::string_view bytes) {
  if (bytes.size() < kPolyWindowBytes) {
    std::memcpy(recent_.data() + kept_, bytes.data(), bytes.size());
    const size_t sum = kept_ + bytes.size();
    kept_ = static_cast<uint32_t>(std::min<size_t>(sum, kPolyWindowBytes));
    std::memmove(recent_.data(), recent_.data() + sum - kept_, kept_);
    return;
  }
  kept_ = kPolyWindowBytes;
  std::memcpy(recent_.data(), bytes.data() + bytes.size() - kept_, kept_);
}

size_t PolyChunker::Scan(std::string_view bytes) {
  const size_t skipped = Take(bytes.size(), min_bytes_ - kPolyWindowBytes);
  const std::string_view rest = bytes.substr(skipped);
  if (rest.empty()) return 0;

  size_t tested = 0;
  if (kept_ > 0) {
    // The bytes of which the window begins in an earlier piece.
    const size_t kept = kept_;
    tested = std::min<size_t>(rest.size(), kPolyWindowBytes - 1);
    std::memcpy(recent_.data() + kept, rest.data(), tested);
    const size_t cut = Test({recent_.data(), kept + tested}, kept);
    if (cut != 0) return skipped + cut - kept;
  }
  if (tested < rest.size()) {
    const size_t cut = Test(rest, tested);
    if (cut != 0) return skipped + cut;
  }
  Keep(rest);
  return 0;
}

}  // namespace cairn
