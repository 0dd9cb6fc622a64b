#include "tests/simulator/content.h"

#include <array>

#include "common/digest/sha256.h"
#include "common/log/log.h"
#include "common/page/page_tree_builder.h"

namespace cairn::simulator {
namespace {

struct Block {
  std::string bytes;
  RecordKey key;
};

std::array<Block, kLetters> MakeBlocks() {
  std::array<Block, kLetters> blocks;
  for (int letter = 0; letter < kLetters; ++letter) {
    Block& block = blocks[static_cast<size_t>(letter)];
    block.bytes.resize(kBlockBytes, '\0');
    for (size_t i = 0; letter != 0 && i < kBlockBytes; ++i) {
      block.bytes[i] = static_cast<char>(letter + 1 + static_cast<int>(i % 7));
    }
    block.key = {RecordKind::kChunk, Domain(), Sha256(block.bytes)};
  }
  return blocks;
}

const Block& At(int letter) {
  static const auto* const blocks = new auto(MakeBlocks());
  return (*blocks)[static_cast<size_t>(letter)];
}

}  // namespace

ChunkerSpec BlockChunker() {
  return {"fixed-v1", kBlockBytes, kBlockBytes, kBlockBytes};
}

const std::string& BlockOf(int letter) { return At(letter).bytes; }

std::string BytesOf(const Word& word) {
  std::string bytes;
  for (const int letter : word) bytes += BlockOf(letter);
  return bytes;
}

ArchiveRecords RecordsOf(const Word& word) {
  std::vector<ChunkEntry> entries;
  for (const int letter : word) {
    ChunkEntry entry = {.is_hole = letter == 0, .length = kBlockBytes};
    if (letter != 0) entry.digest = At(letter).key.digest;
    entries.push_back(entry);
  }
  return RecordsOfEntries(entries);
}

ArchiveRecords RecordsOfEntries(const std::vector<ChunkEntry>& entries) {
  ArchiveRecords result;
  PageTreeBuilder builder(PageCutRule{});
  const auto take = [&] {
    for (const EncodedPage& page : builder.TakePages()) {
      result.records.insert({RecordKind::kPage, Domain(), page.id});
      result.pages.insert(page.id);
    }
  };
  for (const ChunkEntry& entry : entries) {
    CHECK_OK(builder.Add(entry));
    take();
    if (!entry.is_hole) {
      result.records.insert({RecordKind::kChunk, Domain(), entry.digest});
    }
  }
  const absl::StatusOr<PageRoot> root = builder.Finish();
  CHECK_OK(root.status());
  take();
  result.root = *root;
  result.entries = entries;
  return result;
}

}  // namespace cairn::simulator
