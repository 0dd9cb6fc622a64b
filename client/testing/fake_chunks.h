#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "cairn/model/v1/model.pb.h"
#include "common/model/archive.h"

namespace cairn::client {

// The rules of entries, written a second time for the fake server: from the
// proto's comments, not from the code that is tested.

// How the fake server has an archive cut; smaller than real ones.
ChunkerSpec FakeChunkerSpec(model::v1::ArchiveKind kind);

// `content` cut by the kind's chunker, zeros as holes, neighbours joined.
std::vector<ChunkEntry> EntriesOf(std::string_view content,
                                  model::v1::ArchiveKind kind);

// Appends `entry`, joined to what is there where that is equal.
void AppendJoined(const ChunkEntry& entry, std::vector<ChunkEntry>& entries);

// The entries that overlap [offset, offset + length), whole.
std::vector<PlacedEntry> Overlapping(const std::vector<ChunkEntry>& entries,
                                     uint64_t offset, uint64_t length);

// The entries of [offset, offset + length), cut to it; empty if the range
// begins or ends within a chunk or beyond the end.
std::vector<ChunkEntry> CutTo(const std::vector<ChunkEntry>& entries,
                              uint64_t offset, uint64_t length);

// The check of a reuse of these entries.
std::string CheckOf(const std::vector<ChunkEntry>& entries);

}  // namespace cairn::client
