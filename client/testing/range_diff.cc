#include "client/testing/range_diff.h"

#include <algorithm>

namespace cairn::client {
namespace {

std::string LittleEndian(uint64_t value, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i) {
    text.push_back(static_cast<char>(value >> (8 * i)));
  }
  return text;
}

}  // namespace

std::vector<Frame> RandomChanges(std::mt19937_64& random, uint64_t size_bytes,
                                 int count, uint64_t max_length) {
  std::vector<uint64_t> starts;
  for (int i = 0; i < count && size_bytes > 0; ++i) {
    starts.push_back(random() % size_bytes);
  }
  std::sort(starts.begin(), starts.end());
  std::vector<Frame> changes;
  uint64_t at = 0;
  for (const uint64_t start : starts) {
    const uint64_t offset = std::max(at, start);
    const uint64_t length =
        std::min(1 + random() % max_length, size_bytes - offset);
    if (length == 0) break;
    Frame change = {.offset = offset};
    if (random() % 4 == 0) {
      change.hole_bytes = length;
    } else {
      change.data.resize(length);
      for (char& byte : change.data) byte = static_cast<char>(random());
    }
    at = change.end();
    changes.push_back(std::move(change));
  }
  return changes;
}

std::string WithChanges(std::string image, uint64_t size_bytes,
                        const std::vector<Frame>& changes) {
  image.resize(size_bytes, '\0');
  for (const Frame& change : changes) {
    image.replace(change.offset, change.length(),
                  change.hole_bytes > 0 ? std::string(change.hole_bytes, '\0')
                                        : change.data);
  }
  return image;
}

std::string DiffOf(uint64_t size_bytes, const std::vector<Frame>& changes) {
  std::string diff = "rbd diff v1\n";
  diff += "f" + LittleEndian(6, 4) + "before";
  diff += "t" + LittleEndian(3, 4) + "now";
  diff += "s" + LittleEndian(size_bytes, 8);
  for (const Frame& change : changes) {
    diff += change.hole_bytes > 0 ? "z" : "w";
    diff += LittleEndian(change.offset, 8) + LittleEndian(change.length(), 8);
    diff += change.data;
  }
  return diff + "e";
}

std::string ListOf(const std::vector<Frame>& changes) {
  std::string list;
  for (const Frame& change : changes) {
    list += std::to_string(change.offset) + " " +
            std::to_string(change.length()) + "\n";
  }
  return list;
}

}  // namespace cairn::client
