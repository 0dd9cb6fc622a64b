#include "common/text/printable.h"

#include "common/text/utf8.h"

namespace cairn {
namespace {

bool IsControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte < 0x20 || byte == 0x7F;
}

}  // namespace

bool IsPrintableUtf8(std::string_view text) {
  while (!text.empty()) {
    if (IsControl(text[0])) return false;
    const size_t length = Utf8SequenceLength(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string ToPrintableUtf8(std::string_view text, size_t limit) {
  std::string printable = ToValidUtf8(text, limit);
  for (char& c : printable) {
    if (IsControl(c)) c = ' ';
  }
  return printable;
}

}  // namespace cairn
