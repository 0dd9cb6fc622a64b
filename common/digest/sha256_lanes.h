#pragma once

#include <span>

#include "common/digest/sha256_message.h"
#include "common/model/digest.h"

// Used by sha256_batch.h alone.
namespace cairn {

// Whether this processor has what Sha256Lanes needs: SHA, SSSE3, SSE4.1.
bool HasSha256Lanes();

// Sets digests[i] to the SHA-256 (FIPS 180-4) of messages[i]. Works on up to
// four messages at a time, block by block beside each other, always those of
// which most is left, so that none is left over to run alone if that can be.
// Reads no byte outside of the messages. Requires HasSha256Lanes() and spans
// of the same size. Thread-safe.
void Sha256Lanes(std::span<const Sha256Message> messages,
                 std::span<Digest> digests);

}  // namespace cairn
