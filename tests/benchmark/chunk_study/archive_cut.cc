#include "tests/benchmark/chunk_study/archive_cut.h"

#include <algorithm>
#include <memory>

#include "common/chunking/chunker.h"
#include "common/chunking/zero_run.h"
#include "common/digest/sha256.h"
#include "common/status/status_macros.h"
#include "tests/benchmark/stages/cpu_time.h"

namespace cairn::study {
namespace {

// As bytes come from a stream, and as files are read.
constexpr size_t kPieceBytes = 256 << 10;
constexpr size_t kReadBytes = 16 << 20;

void FindCuts(Chunker& chunker, std::string_view bytes, ArchiveCut& archive) {
  uint64_t length = 0;
  const auto end_chunk = [&] {
    archive.entries.push_back({.length = length});
    length = 0;
  };
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, kPieceBytes);
    bytes.remove_prefix(piece.size());
    while (const size_t used = chunker.Scan(piece)) {
      length += used;
      end_chunk();
      piece.remove_prefix(used);
    }
    length += piece.size();
  }
  if (length > 0) end_chunk();
}

}  // namespace

absl::StatusOr<std::string> ReadWholeFile(const FileSystem& files,
                                          const std::string& path) {
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file, files.OpenForRead(path));
  ASSIGN_OR_RETURN(const uint64_t size, file->Size());
  std::string bytes;
  bytes.reserve(size);
  while (bytes.size() < size) {
    ASSIGN_OR_RETURN(const std::string piece,
                     file->ReadAt(bytes.size(), kReadBytes));
    if (piece.empty()) break;
    bytes.append(piece);
  }
  return bytes;
}

ChunkerSpec SpecOf(const std::string& chunker, uint32_t average_bytes,
                   uint32_t min_divisor, uint32_t max_factor) {
  if (chunker.starts_with("fixed")) {
    return {chunker, average_bytes, average_bytes, average_bytes};
  }
  return {chunker, average_bytes / min_divisor, average_bytes,
          average_bytes * max_factor};
}

absl::StatusOr<ArchiveCut> CutArchive(const ChunkerSpec& spec,
                                      std::string_view bytes) {
  ASSIGN_OR_RETURN(const std::unique_ptr<Chunker> chunker, NewChunker(spec));
  ArchiveCut archive;
  archive.size_bytes = bytes.size();
  archive.cut_cpu = CpuTimeOf([&] { FindCuts(*chunker, bytes, archive); });
  uint64_t offset = 0;
  archive.zero_cpu = CpuTimeOf([&] {
    for (ChunkEntry& entry : archive.entries) {
      entry.is_hole = IsAllZero(bytes.substr(offset, entry.length));
      offset += entry.length;
      if (entry.is_hole) archive.hole_bytes += entry.length;
      if (!entry.is_hole) ++archive.chunks;
    }
  });
  offset = 0;
  archive.hash_cpu = CpuTimeOf([&] {
    for (ChunkEntry& entry : archive.entries) {
      if (!entry.is_hole) {
        entry.digest = Sha256(bytes.substr(offset, entry.length));
      }
      offset += entry.length;
    }
  });
  return archive;
}

}  // namespace cairn::study
