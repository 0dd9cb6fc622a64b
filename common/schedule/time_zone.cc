#include "common/schedule/time_zone.h"

#include <string>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

constexpr size_t kMaxNameLength = 64;

// Abseil would also take paths of files, and "localtime", which is another
// zone on another machine.
bool IsName(std::string_view name) {
  if (name.size() > kMaxNameLength || absl::StartsWith(name, "/") ||
      absl::EndsWith(name, "/") || absl::StrContains(name, "//") ||
      name == "localtime") {
    return false;
  }
  for (const char c : name) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c)) && c != '_' &&
        c != '+' && c != '-' && c != '/') {
      return false;
    }
  }
  return true;
}

}  // namespace

absl::StatusOr<absl::TimeZone> FindTimeZone(std::string_view name) {
  if (name.empty()) return absl::UTCTimeZone();
  absl::TimeZone zone;
  if (IsName(name) && absl::LoadTimeZone(std::string(name), &zone)) {
    return zone;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "time zone \"", absl::CHexEscape(name.substr(0, kMaxNameLength)),
      "\" is not in the time zone database; names such as UTC and "
      "Europe/Vienna are allowed"));
}

}  // namespace cairn
