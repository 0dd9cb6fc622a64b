#include "services/index/domain/text_rules.h"

#include "absl/strings/str_cat.h"
#include "common/model/catalog.h"
#include "common/text/utf8.h"

namespace cairn::index {

absl::Status CheckText(std::string_view field, std::string_view text,
                       size_t max_bytes) {
  if (text.size() > max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, " is ", text.size(),
                     " bytes long, allowed are at most ", max_bytes));
  }
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t length = Utf8SequenceLength(rest);
    if (length == 0) {
      return absl::InvalidArgumentError(absl::StrCat(
          field, " is not UTF-8 at byte ", text.size() - rest.size()));
    }
    rest.remove_prefix(length);
  }
  return absl::OkStatus();
}

absl::Status CheckPrincipal(std::string_view field, std::string_view text) {
  if (text.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(field, " is empty"));
  }
  return CheckText(field, text, kMaxPrincipalBytes);
}

}  // namespace cairn::index
