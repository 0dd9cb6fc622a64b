#include "common/random/sample_input.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

namespace cairn {
namespace {

std::string MakeText(size_t size_bytes) {
  std::mt19937_64 random(1);
  std::vector<std::string> words(20000);
  for (std::string& word : words) {
    const size_t letters = 2 + random() % 9;
    for (size_t i = 0; i < letters; ++i) {
      word.push_back(static_cast<char>('a' + random() % 26));
    }
  }
  std::string text;
  text.reserve(size_bytes + 64);
  for (uint64_t line = 0; text.size() < size_bytes; ++line) {
    text += "2026-11-21T20:39:45Z " + std::to_string(line);
    const uint64_t count = 4 + random() % 12;
    for (uint64_t i = 0; i < count; ++i) {
      // Word n with a weight of about 1/n.
      const uint64_t limit = uint64_t{1} << (random() % 15);
      text +=
          ' ' + words[std::min<uint64_t>(random() % limit, words.size() - 1)];
    }
    text += '\n';
  }
  text.resize(size_bytes);
  return text;
}

std::string MakeRandom(size_t size_bytes) {
  std::mt19937_64 random(2);
  std::string bytes(size_bytes, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random());
  return bytes;
}

}  // namespace

const char* InputKindName(InputKind kind) {
  switch (kind) {
    case InputKind::kZeros:
      return "zeros";
    case InputKind::kText:
      return "text";
    case InputKind::kRandom:
      break;
  }
  return "random";
}

std::string MakeInput(InputKind kind, size_t size_bytes) {
  switch (kind) {
    case InputKind::kZeros:
      return std::string(size_bytes, '\0');
    case InputKind::kText:
      return MakeText(size_bytes);
    case InputKind::kRandom:
      break;
  }
  return MakeRandom(size_bytes);
}

}  // namespace cairn
