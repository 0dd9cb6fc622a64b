#include "common/text/quote.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace cairn {

std::string Quote(std::string_view text, size_t limit) {
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, limit)),
                      text.size() > limit ? "..." : "", "\"");
}

}  // namespace cairn
