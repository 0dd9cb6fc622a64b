#include "common/chunking/zero_run.h"

#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "common/chunking/chunker.h"
#include "common/model/archive.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

TEST(IsAllZeroTest, FindsTheOneByteThatIsNotZero) {
  for (size_t size : {0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 100, 4096, 5000}) {
    std::string bytes(size, '\0');
    EXPECT_TRUE(IsAllZero(bytes)) << size;
    for (size_t at = 0; at < size; ++at) {
      bytes[at] = 1;
      EXPECT_FALSE(IsAllZero(bytes)) << at << " of " << size;
      bytes[at] = '\0';
    }
  }
}

TEST(IsAllZeroTest, LooksAtItsOwnBytesOnly) {
  std::string bytes(100, '\xff');
  bytes.replace(10, 80, 80, '\0');
  EXPECT_TRUE(IsAllZero(std::string_view(bytes).substr(10, 80)));
  EXPECT_FALSE(IsAllZero(std::string_view(bytes).substr(9, 81)));
  EXPECT_FALSE(IsAllZero(std::string_view(bytes).substr(10, 81)));
}

// Counts what an archive of `head`, `zeros` zeros and `tail` would hold.
struct HoleCount {
  int chunks = 0;
  int holes = 0;  // after adjacent ones are joined
  uint64_t hole_bytes = 0;
};

class HoleCounter {
 public:
  explicit HoleCounter(const ChunkerSpec& spec) : chunker_(*NewChunker(spec)) {}

  void Write(std::string_view bytes) {
    while (!bytes.empty()) {
      const size_t used = chunker_->Scan(bytes);
      const std::string_view piece =
          bytes.substr(0, used == 0 ? bytes.size() : used);
      is_zero_ = is_zero_ && IsAllZero(piece);
      length_ += piece.size();
      if (used != 0) EndChunk();
      bytes.remove_prefix(piece.size());
    }
  }

  HoleCount Finish() {
    if (length_ > 0) EndChunk();
    return count_;
  }

 private:
  void EndChunk() {
    if (is_zero_) {
      count_.holes += after_hole_ ? 0 : 1;
      count_.hole_bytes += length_;
    } else {
      ++count_.chunks;
    }
    after_hole_ = is_zero_;
    is_zero_ = true;
    length_ = 0;
  }

  std::unique_ptr<Chunker> chunker_;
  HoleCount count_;
  bool is_zero_ = true;
  bool after_hole_ = false;
  uint64_t length_ = 0;
};

HoleCount CountHoles(ArchiveKind kind, uint64_t zero_pieces) {
  constexpr size_t kPieceBytes = 1 << 20;
  std::mt19937_64 random(7);
  std::string data(3 * kPieceBytes + 12345, '\0');
  for (char& c : data) c = static_cast<char>(random());
  const std::string zeros(kPieceBytes, '\0');

  HoleCounter counter(DefaultChunkerSpec(kind));
  counter.Write(data);
  for (uint64_t i = 0; i < zero_pieces; ++i) counter.Write(zeros);
  counter.Write(data);
  return counter.Finish();
}

TEST(HoleTest, AGibibyteOfZerosCostsOneHole) {
  for (const ArchiveKind kind : {ArchiveKind::kStream, ArchiveKind::kImage}) {
    const ChunkerSpec spec = DefaultChunkerSpec(kind);
    const HoleCount with = CountHoles(kind, 1024);
    const HoleCount without = CountHoles(kind, 0);
    EXPECT_EQ(with.holes, 1);
    // The run begins and ends within a chunk.
    EXPECT_GT(with.hole_bytes, (uint64_t{1} << 30) - 2 * spec.max_bytes);
    EXPECT_LE(with.chunks, without.chunks + 4);
  }
}

}  // namespace
}  // namespace cairn
