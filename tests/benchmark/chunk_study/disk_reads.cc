#include "tests/benchmark/chunk_study/disk_reads.h"

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
#include <span>
#include <string>

#include "absl/time/time.h"
#include "common/pack/pack_format.h"
#include "common/random/sample_input.h"
#include "common/status/status_macros.h"
#include "common/testing/temp_dir.h"

namespace cairn::study {
namespace {

constexpr size_t kPieceBytes = 16 << 20;

// Only root may.
bool DropCaches() {
  std::ofstream control("/proc/sys/vm/drop_caches");
  control << "1" << std::flush;
  return control.good();
}

absl::StatusOr<std::unique_ptr<File>> MakeFile(FileSystem& files,
                                               const std::string& path,
                                               uint64_t file_bytes) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.Create(path));
  const std::string piece = MakeInput(InputKind::kRandom, kPieceBytes);
  for (uint64_t offset = 0; offset < file_bytes; offset += piece.size()) {
    const std::string_view pieces[] = {piece};
    RETURN_IF_ERROR(file->WriteAt(offset, pieces));
  }
  RETURN_IF_ERROR(file->Sync());
  return file;
}

// Bytes a second.
absl::StatusOr<double> ReadRecords(const File& file, const Clock& clock,
                                   std::span<const uint64_t> offsets,
                                   uint64_t extent) {
  const absl::Duration start = clock.Monotonic();
  for (const uint64_t offset : offsets) {
    RETURN_IF_ERROR(file.ReadAt(offset, extent).status());
  }
  return static_cast<double>(offsets.size() * extent) /
         absl::ToDoubleSeconds(clock.Monotonic() - start);
}

struct Speeds {
  double random = 0;
  double stream = 0;
  bool is_cold = false;
};

absl::StatusOr<Speeds> ReadOnce(const FileSystem& files, const Clock& clock,
                                const std::string& path, uint64_t extent,
                                uint32_t max_reads, std::mt19937_64& random) {
  Speeds speeds;
  // A new file each time: the kernel remembers how one was read.
  speeds.is_cold = DropCaches();
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, files.OpenForRead(path));
  ASSIGN_OR_RETURN(const uint64_t file_bytes, file->Size());
  std::vector<uint64_t> offsets;
  for (uint64_t at = 0; at + extent <= file_bytes; at += extent) {
    offsets.push_back(at);
  }
  ASSIGN_OR_RETURN(speeds.stream, ReadRecords(*file, clock, offsets, extent));
  std::shuffle(offsets.begin(), offsets.end(), random);
  offsets.resize(std::min<size_t>(offsets.size(), max_reads));
  speeds.is_cold = DropCaches() && speeds.is_cold;
  ASSIGN_OR_RETURN(file, files.OpenForRead(path));
  ASSIGN_OR_RETURN(speeds.random, ReadRecords(*file, clock, offsets, extent));
  return speeds;
}

double Median(const std::vector<Speeds>& rounds, double Speeds::*speed) {
  std::vector<double> values;
  for (const Speeds& round : rounds) values.push_back(round.*speed);
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace

absl::StatusOr<std::vector<DiskReads>> MeasureDiskReads(
    FileSystem& files, const Clock& clock, const std::vector<uint32_t>& sizes,
    uint64_t file_bytes, uint32_t max_reads, int rounds) {
  const TempDir directory;
  const std::string path = directory.Join("records");
  RETURN_IF_ERROR(MakeFile(files, path, file_bytes).status());
  std::mt19937_64 random(1);
  std::vector<std::vector<Speeds>> speeds(sizes.size());
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < sizes.size(); ++i) {
      ASSIGN_OR_RETURN(const Speeds once,
                       ReadOnce(files, clock, path, RecordExtent(sizes[i]),
                                max_reads, random));
      speeds[i].push_back(once);
    }
  }
  std::vector<DiskReads> results;
  for (size_t i = 0; i < sizes.size(); ++i) {
    results.push_back(
        {.chunk_bytes = sizes[i],
         .random_bytes_per_second = Median(speeds[i], &Speeds::random),
         .stream_bytes_per_second = Median(speeds[i], &Speeds::stream),
         .is_cold = speeds[i].back().is_cold});
  }
  return results;
}

}  // namespace cairn::study
