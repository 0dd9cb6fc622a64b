#include "common/digest/sha256_batch.h"

#include <cstddef>
#include <vector>

#include "common/digest/sha256.h"
#include "common/digest/sha256_lanes.h"

namespace cairn {

std::span<const Sha256Method> Sha256Methods() {
  static constexpr Sha256Method kMethods[] = {Sha256Method::kLanes,
                                              Sha256Method::kOpenSsl};
  static const bool has_lanes = HasSha256Lanes();
  return std::span(kMethods).subspan(has_lanes ? 0 : 1);
}

void Sha256Batch(std::span<const std::string_view> messages,
                 std::span<Digest> digests) {
  std::vector<Sha256Message> whole;
  whole.reserve(messages.size());
  for (const std::string_view& message : messages) {
    whole.emplace_back(&message, 1);
  }
  Sha256Batch(whole, digests);
}

void Sha256Batch(std::span<const Sha256Message> messages,
                 std::span<Digest> digests) {
  Sha256Batch(messages, digests, Sha256Methods().front());
}

void Sha256Batch(std::span<const Sha256Message> messages,
                 std::span<Digest> digests, Sha256Method method) {
  if (method == Sha256Method::kLanes) {
    Sha256Lanes(messages, digests);
    return;
  }
  for (size_t i = 0; i < messages.size(); ++i) {
    digests[i] = Sha256(messages[i]);
  }
}

}  // namespace cairn
