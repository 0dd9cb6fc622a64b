#include "client/cli/span.h"

#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace cairn::client {
namespace {

struct Unit {
  std::string_view name;
  int64_t seconds;
};

constexpr std::array<Unit, 5> kUnits = {
    {{"w", 7 * 86400}, {"d", 86400}, {"h", 3600}, {"min", 60}, {"s", 1}}};

constexpr int64_t kMaxSeconds = int64_t{100} * 366 * 86400;

absl::Status Refuse(std::string_view text, std::string_view source) {
  return absl::InvalidArgumentError(absl::StrCat(
      source, " ", text,
      ": allowed are numbers, each with a unit of w d h min s, such as 30d, "
      "12h or 1h30min, at most 100 years, and 0"));
}

}  // namespace

absl::StatusOr<int64_t> ParseSpan(std::string_view text,
                                  std::string_view source) {
  if (text == "0") return 0;
  if (text.empty()) return Refuse(text, source);
  int64_t total = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const auto digits = static_cast<size_t>(
        std::find_if_not(rest.begin(), rest.end(), absl::ascii_isdigit) -
        rest.begin());
    const std::string_view behind = rest.substr(digits);
    const auto letters = static_cast<size_t>(
        std::find_if_not(behind.begin(), behind.end(), absl::ascii_isalpha) -
        behind.begin());
    const auto* const unit = std::find_if(
        kUnits.begin(), kUnits.end(),
        [&](const Unit& u) { return u.name == behind.substr(0, letters); });
    int64_t count = 0;
    if (unit == kUnits.end() ||
        !absl::SimpleAtoi(rest.substr(0, digits), &count) ||
        count > kMaxSeconds / unit->seconds) {
      return Refuse(text, source);
    }
    total += count * unit->seconds;
    if (total > kMaxSeconds) return Refuse(text, source);
    rest.remove_prefix(digits + letters);
  }
  return total;
}

std::string FormatSpanArgument(int64_t seconds) {
  if (seconds <= 0) return "0";
  std::string text;
  // Weeks only where they are whole: "30d" and not "4w2d".
  const size_t first = seconds % kUnits[0].seconds == 0 ? 0 : 1;
  for (size_t i = first; i < kUnits.size(); ++i) {
    const int64_t count = seconds / kUnits[i].seconds;
    if (count > 0) absl::StrAppend(&text, count, kUnits[i].name);
    seconds %= kUnits[i].seconds;
  }
  return text;
}

}  // namespace cairn::client
