#pragma once

#include <span>
#include <string_view>

#include "common/digest/sha256_message.h"
#include "common/model/digest.h"

// SHA-256 of several independent messages at once. One message is bound by
// the latency of the processor's SHA instructions; four beside each other on
// one thread run at more than twice its speed.
namespace cairn {

enum class Sha256Method {
  kOpenSsl,  // one message after another
  kLanes,    // interleaved; x86 with the SHA extensions (sha256_lanes.h)
};

// The methods of this processor, the fastest first; kOpenSsl always, last.
std::span<const Sha256Method> Sha256Methods();

// Sets digests[i] to the SHA-256 of messages[i], by the fastest method. Any
// number of messages of any lengths, aligned or not; both spans have the same
// size. The gain begins with two messages of a few blocks of 64 bytes; at most
// four are worked on at a time, and messages of one length, or of lengths of
// which none is above a quarter of the sum, keep all four busy to the end.
// Memory: about 64 bytes a message. Thread-safe.
void Sha256Batch(std::span<const std::string_view> messages,
                 std::span<Digest> digests);

// The same of messages in pieces, which are not copied.
void Sha256Batch(std::span<const Sha256Message> messages,
                 std::span<Digest> digests);

// The same by one of Sha256Methods().
void Sha256Batch(std::span<const Sha256Message> messages,
                 std::span<Digest> digests, Sha256Method method);

}  // namespace cairn
