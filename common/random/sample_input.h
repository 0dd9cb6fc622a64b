#pragma once

#include <cstddef>
#include <string>

// Bytes to measure with, the same in every run.
namespace cairn {

enum class InputKind { kZeros = 0, kText = 1, kRandom = 2 };
const char* InputKindName(InputKind kind);

// `size_bytes` of that kind. Text is lines of words of which few are
// frequent, and compresses about as a log does.
std::string MakeInput(InputKind kind, size_t size_bytes);

}  // namespace cairn
