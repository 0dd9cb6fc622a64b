#include "common/time/time_zone.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/text/quote.h"

namespace cairn {
namespace {

bool IsOfAName(char c) {
  return absl::ascii_isalnum(c) || c == '_' || c == '+' || c == '-' || c == '/';
}

}  // namespace

absl::StatusOr<absl::TimeZone> LoadTimeZone(std::string_view name) {
  absl::TimeZone zone;
  // Without dots there is no way up; Abseil would take a path from / too.
  if (name.empty() || name.size() > kMaxTimeZoneNameBytes || name[0] == '/' ||
      !std::all_of(name.begin(), name.end(), IsOfAName) ||
      !absl::LoadTimeZone(name, &zone)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "time zone ", Quote(name),
        " is not known here; allowed is UTC, or a name of the tz database such "
        "as Europe/Vienna (files of /usr/share/zoneinfo, package tzdata)"));
  }
  return zone;
}

}  // namespace cairn
