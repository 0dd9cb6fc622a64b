#include "services/maintenance/domain/text_rules.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "common/text/printable.h"

namespace cairn::maintenance {
namespace {

// How much of a refused text an error repeats.
constexpr size_t kMaxQuotedLength = 160;

}  // namespace

absl::Status CheckText(std::string_view what, std::string_view text,
                       size_t min_length, size_t max_length) {
  if (text.size() < min_length || text.size() > max_length) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, " is ", text.size(), " bytes long, ", min_length,
                     "..", max_length, " are allowed"));
  }
  if (!IsPrintableUtf8(text)) {
    return absl::InvalidArgumentError(absl::StrCat(
        what, " \"", absl::CHexEscape(text.substr(0, kMaxQuotedLength)),
        "\" is not printable UTF-8"));
  }
  return absl::OkStatus();
}

absl::Status CheckSize(std::string_view what, size_t size, size_t max_size) {
  if (size <= max_size) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      what, " have ", size, " bytes, at most ", max_size, " are allowed"));
}

}  // namespace cairn::maintenance
