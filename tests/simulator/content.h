#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/model/archive.h"
#include "common/model/digest.h"
#include "common/model/record.h"

namespace cairn::simulator {

inline constexpr uint64_t kBlockBytes = 4096;
inline constexpr int kLetters = 64;
// How every archive is cut: one chunk a block.
ChunkerSpec BlockChunker();

// The bytes of a block; those of letter 0 are zero. All compress well.
const std::string& BlockOf(int letter);

// An archive as a word: few letters, so that archives share chunks.
using Word = std::vector<int>;
std::string BytesOf(const Word& word);

// What must be stored for an archive: found out with the libraries of pages
// alone, without any engine.
struct ArchiveRecords {
  PageRoot root;
  std::vector<ChunkEntry> entries;
  std::set<RecordKey> records;  // chunks and pages
  std::set<Digest> pages;
};
ArchiveRecords RecordsOf(const Word& word);
ArchiveRecords RecordsOfEntries(const std::vector<ChunkEntry>& entries);

// The archives of a snapshot, by name.
struct Content {
  std::map<std::string, Word> archives;
};

}  // namespace cairn::simulator
