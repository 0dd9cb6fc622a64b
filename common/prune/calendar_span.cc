#include "common/prune/calendar_span.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/civil_time.h"
#include "common/text/quote.h"

namespace cairn {
namespace {

struct Unit {
  char letter;
  uint32_t CalendarSpan::*count;
};

constexpr Unit kUnits[] = {{'y', &CalendarSpan::years},
                           {'m', &CalendarSpan::months},
                           {'w', &CalendarSpan::weeks},
                           {'d', &CalendarSpan::days},
                           {'h', &CalendarSpan::hours}};

absl::Status Error(std::string_view text, std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(
      "span of time ", Quote(text), ": ", what,
      "; allowed are numbers, each with a unit of y m w d h, such as 1y6m, 7d "
      "or 36h"));
}

}  // namespace

absl::StatusOr<CalendarSpan> CalendarSpan::Parse(std::string_view text) {
  if (text.empty()) return Error(text, "is empty");
  CalendarSpan span;
  std::string seen;
  for (std::string_view rest = text; !rest.empty();) {
    const auto* const end =
        std::find_if_not(rest.begin(), rest.end(), absl::ascii_isdigit);
    const size_t digits = static_cast<size_t>(end - rest.begin());
    if (digits == 0) {
      return Error(text, absl::StrCat("there is no number at ", Quote(rest)));
    }
    if (digits == rest.size()) {
      return Error(text, absl::StrCat("there is no unit behind ", rest));
    }
    const char letter = rest[digits];
    const auto* const unit =
        std::find_if(std::begin(kUnits), std::end(kUnits),
                     [&](const Unit& u) { return u.letter == letter; });
    if (unit == std::end(kUnits)) {
      return Error(text,
                   absl::StrCat(Quote(rest.substr(digits, 1)), " is no unit"));
    }
    if (seen.find(letter) != std::string::npos) {
      return Error(text, absl::StrCat(rest.substr(digits, 1),
                                      " is there "
                                      "twice"));
    }
    seen += letter;
    if (!absl::SimpleAtoi(rest.substr(0, digits), &(span.*unit->count)) ||
        span.*unit->count > kMaxCount) {
      return Error(text, absl::StrCat(Quote(rest.substr(0, digits)),
                                      " is above ", kMaxCount));
    }
    rest.remove_prefix(digits + 1);
  }
  return span;
}

absl::Time CalendarSpan::Before(absl::Time time,
                                const absl::TimeZone& zone) const {
  const absl::CivilSecond local = absl::ToCivilSecond(time, zone);
  absl::Time before = time;
  if (years > 0 || months > 0 || weeks > 0 || days > 0) {
    const absl::CivilSecond then(
        local.year() - years, int64_t{local.month()} - months,
        int64_t{local.day()} - days - int64_t{weeks} * 7, local.hour(),
        local.minute(), local.second());
    before = absl::FromCivil(then, zone);
  }
  return before - absl::Hours(hours);
}

std::string CalendarSpan::ToString() const {
  std::string text;
  for (const Unit& unit : kUnits) {
    if (this->*unit.count == 0) continue;
    absl::StrAppend(&text, this->*unit.count,
                    std::string_view(&unit.letter, 1));
  }
  return text.empty() ? "0h" : text;
}

}  // namespace cairn
