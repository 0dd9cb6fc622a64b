#pragma once

#include <string_view>

namespace cairn {

// True if every byte is zero; true for no bytes. Runs at the speed of memcmp
// over zeros and stops early otherwise.
//
// The rule of holes, for every chunker: a chunk that is all zero becomes a
// hole entry of its length and is not stored. Chunk boundaries do not depend
// on it. A long run of zeros therefore costs the two chunks in which it
// begins and ends, and one hole entry.
bool IsAllZero(std::string_view bytes);

}  // namespace cairn
