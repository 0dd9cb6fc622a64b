#include "client/testing/fake_chunks.h"

#include <algorithm>
#include <memory>

#include "common/chunking/chunker.h"
#include "common/digest/sha256.h"

namespace cairn::client {
namespace {

constexpr uint32_t kKiB = 1024;

std::string LittleEndian(uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) {
    bytes.push_back(static_cast<char>(value & 0xff));
    value >>= 8;
  }
  return bytes;
}

ChunkEntry EntryOf(std::string_view bytes) {
  if (bytes.find_first_not_of('\0') == std::string_view::npos) {
    return {.is_hole = true, .length = bytes.size()};
  }
  return {.length = bytes.size(), .digest = Sha256(bytes)};
}

}  // namespace

ChunkerSpec FakeChunkerSpec(model::v1::ArchiveKind kind) {
  switch (kind) {
    case model::v1::ARCHIVE_KIND_IMAGE:
      return {"fixed-v1", 64 * kKiB, 64 * kKiB, 64 * kKiB};
    case model::v1::ARCHIVE_KIND_BLOB:
      return DefaultChunkerSpec(ArchiveKind::kBlob);
    default:
      return {"poly-v1", 8 * kKiB, 32 * kKiB, 128 * kKiB};
  }
}

std::vector<ChunkEntry> EntriesOf(std::string_view content,
                                  model::v1::ArchiveKind kind) {
  const std::unique_ptr<Chunker> chunker = *NewChunker(FakeChunkerSpec(kind));
  std::vector<ChunkEntry> entries;
  while (!content.empty()) {
    const size_t end = chunker->Scan(content);
    const size_t length = end == 0 ? content.size() : end;
    AppendJoined(EntryOf(content.substr(0, length)), entries);
    content.remove_prefix(length);
  }
  return entries;
}

void AppendJoined(const ChunkEntry& entry, std::vector<ChunkEntry>& entries) {
  if (!entries.empty()) {
    ChunkEntry& last = entries.back();
    if (entry.is_hole && last.is_hole) {
      last.length += entry.length;
      return;
    }
    if (!entry.is_hole && !last.is_hole && entry.length == last.length &&
        entry.digest == last.digest) {
      last.repeat += entry.repeat;
      return;
    }
  }
  entries.push_back(entry);
}

std::vector<PlacedEntry> Overlapping(const std::vector<ChunkEntry>& entries,
                                     uint64_t offset, uint64_t length) {
  std::vector<PlacedEntry> found;
  uint64_t at = 0;
  for (const ChunkEntry& entry : entries) {
    const uint64_t end = at + entry.total_length();
    if (end > offset && at < offset + length) found.push_back({at, entry});
    at = end;
  }
  return found;
}

std::vector<ChunkEntry> CutTo(const std::vector<ChunkEntry>& entries,
                              uint64_t offset, uint64_t length) {
  std::vector<ChunkEntry> found;
  uint64_t covered = 0;
  for (const PlacedEntry& placed : Overlapping(entries, offset, length)) {
    const uint64_t begin = std::max(offset, placed.offset);
    const uint64_t end =
        std::min(offset + length, placed.offset + placed.entry.total_length());
    ChunkEntry entry = placed.entry;
    if (entry.is_hole) {
      entry.length = end - begin;
    } else {
      if ((begin - placed.offset) % entry.length != 0) return {};
      if ((end - begin) % entry.length != 0) return {};
      entry.repeat = (end - begin) / entry.length;
    }
    covered += end - begin;
    found.push_back(entry);
  }
  if (covered != length) return {};
  return found;
}

std::string CheckOf(const std::vector<ChunkEntry>& entries) {
  std::string text;
  for (const ChunkEntry& entry : entries) {
    text += LittleEndian(entry.length) + LittleEndian(entry.repeat);
    text += std::string(entry.digest.view());
  }
  return std::string(Sha256(text).view());
}

}  // namespace cairn::client
