#include "tests/benchmark/chunk_study/aged_study.h"

#include <random>

#include "absl/strings/str_cat.h"
#include "common/pack/pack_format.h"
#include "tests/benchmark/chunk_study/disk_model.h"
#include "tests/benchmark/chunk_study/pair_study.h"

namespace cairn::study {
namespace {

constexpr uint64_t kImageBytes = uint64_t{16} << 30;
constexpr int kSnapshots = 30;
constexpr double kShareWritten = 0.01;  // by each snapshot
constexpr uint64_t kBlockBytes = 4096;
constexpr uint64_t kMaxRunBlocks = 16;
constexpr double kStoredShare = 0.45;  // of plain bytes
constexpr uint64_t kPackBytes = uint64_t{256} << 20;
constexpr double kMiB = 1 << 20;
constexpr double kGiB = 1 << 30;

// One image, cut at fixed sizes.
class AgingImage {
 public:
  explicit AgingImage(uint32_t chunk_bytes)
      : chunk_bytes_(chunk_bytes), chunks_(kImageBytes / chunk_bytes) {
    for (StoredChunk& chunk : chunks_) Store(chunk);
  }

  void WriteOver(std::mt19937_64& random) {
    std::vector<bool> is_changed(chunks_.size());
    uint64_t left = kImageBytes * kShareWritten;
    while (left > 0) {
      const uint64_t bytes =
          std::min(left, kBlockBytes * (1 + random() % kMaxRunBlocks));
      const uint64_t begin =
          random() % ((kImageBytes - bytes) / kBlockBytes) * kBlockBytes;
      for (uint64_t chunk = begin / chunk_bytes_;
           chunk <= (begin + bytes - 1) / chunk_bytes_; ++chunk) {
        is_changed[chunk] = true;
      }
      left -= bytes;
    }
    for (size_t i = 0; i < chunks_.size(); ++i) {
      if (is_changed[i]) Store(chunks_[i]);
    }
  }

  const std::vector<StoredChunk>& chunks() const { return chunks_; }
  uint64_t stored_bytes() const { return stored_bytes_; }

 private:
  void Store(StoredChunk& chunk) {
    chunk.plain_length = chunk_bytes_;
    chunk.stored_length = static_cast<uint32_t>(chunk_bytes_ * kStoredShare);
    const uint64_t extent = RecordExtent(chunk.stored_length);
    if (end_ + extent > kPackBytes) {
      ++pack_;
      end_ = kPackBlockBytes;
    }
    chunk.pack = pack_;
    chunk.offset = end_;
    end_ += extent;
    stored_bytes_ += extent;
  }

  const uint32_t chunk_bytes_;
  std::vector<StoredChunk> chunks_;
  uint32_t pack_ = 1;
  uint64_t end_ = kPackBlockBytes;
  uint64_t stored_bytes_ = 0;
};

}  // namespace

Table StudyAgedImage(const std::vector<uint32_t>& chunk_sizes) {
  Table table = {
      .name = "aged",
      .title = absl::StrCat(
          "Restore of an image of ", kImageBytes >> 30, " GiB after ",
          kSnapshots, " snapshots that each wrote over ", kShareWritten * 100,
          " % of it in runs of 4-64 KiB: plain MiB/s that a modelled disk "
          "gives, by the window in which reads are ordered"),
      .columns = {"chunk", "all packs GiB", "a snapshot GiB", "10 ms: in order",
                  "16 MiB", "64 MiB", "256 MiB", "0.05 ms: 16 MiB",
                  "seeks a GiB at 16 MiB"}};
  const DiskModel slow = {"10 ms", 10e-3, 170e6};
  const DiskModel fast = {"0.05 ms", 0.05e-3, 500e6};
  for (const uint32_t size : chunk_sizes) {
    std::mt19937_64 random(1);
    AgingImage image(size);
    const uint64_t first = image.stored_bytes();
    for (int i = 1; i < kSnapshots; ++i) image.WriteOver(random);
    const auto speed = [&](const DiskModel& disk, uint64_t window) {
      const ModelReads reads =
          ReadInOrder(disk, InWindows(image.chunks(), window));
      return Cell::Number(kImageBytes / kMiB / reads.seconds, 0);
    };
    const ModelReads reads =
        ReadInOrder(slow, InWindows(image.chunks(), 16 << 20));
    table.rows.push_back(
        {SizeName(size), Cell::Number(image.stored_bytes() / kGiB, 1),
         Cell::Number((image.stored_bytes() - first) / (kSnapshots - 1) / kGiB,
                      2),
         speed(slow, 1), speed(slow, 16 << 20), speed(slow, 64 << 20),
         speed(slow, 256 << 20), speed(fast, 16 << 20),
         Cell::Number(reads.seeks / (kImageBytes / kGiB), 0)});
  }
  return table;
}

}  // namespace cairn::study
