#include "client/cli/commands/keep_rules.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/prune/calendar_span.h"
#include "common/status/reason.h"
#include "common/time/time_zone.h"

namespace cairn::client {
namespace {

constexpr char kGroup[] = "What is kept";

// Stricter than CLI11, to which 010 is 8: what is wrong, or "".
std::string CheckCount(const std::string& text) {
  uint32_t count = 0;
  if (!text.empty() && (text[0] != '0' || text.size() == 1) &&
      std::all_of(text.begin(), text.end(), absl::ascii_isdigit) &&
      absl::SimpleAtoi(text, &count)) {
    return "";
  }
  return absl::StrCat("\"", text, "\" must be a number, 0 (no such rule) to ",
                      std::numeric_limits<uint32_t>::max());
}

void AddCount(CLI::App* command, const std::string& name, uint32_t* count,
              const std::string& text) {
  command->add_option(name, *count, text)
      ->type_name("N")
      ->check(CheckCount)
      ->group(kGroup);
}

}  // namespace

void AddKeepOptions(CLI::App* command, KeepArguments* arguments) {
  PruneOptions* const counts = &arguments->counts;
  AddCount(command, "--keep-last", &counts->keep_last, "the newest N");
  AddCount(command, "--keep-hourly", &counts->keep_hourly,
           "the newest of each of N hours that have one; an hour, or other "
           "period, of which an earlier rule keeps one is passed over");
  AddCount(command, "--keep-daily", &counts->keep_daily, "the same of days");
  AddCount(command, "--keep-weekly", &counts->keep_weekly,
           "of ISO weeks, Monday to Sunday");
  AddCount(command, "--keep-monthly", &counts->keep_monthly, "of months");
  AddCount(command, "--keep-yearly", &counts->keep_yearly, "of years");
  command
      ->add_option("--keep-within", arguments->within,
                   "all that are at most so much older than the newest "
                   "finished one: numbers, each with a unit of y m w d h; "
                   "before the other rules")
      ->type_name("1y5m7d2h")
      ->group(kGroup);
  command
      ->add_option("--timezone", arguments->time_zone,
                   "whose hours, days and so on they are [default: UTC]")
      ->type_name("Europe/Vienna")
      ->group(kGroup);
}

absl::StatusOr<KeepRules> ParseKeepRules(const KeepArguments& arguments) {
  KeepRules rules = {.options = arguments.counts};
  if (arguments.within.has_value()) {
    const absl::StatusOr<CalendarSpan> span =
        CalendarSpan::Parse(*arguments.within);
    if (!span.ok()) return WithContext(span.status(), "--keep-within");
    rules.options.keep_within = *span;
  }
  const absl::StatusOr<absl::TimeZone> zone = LoadTimeZone(arguments.time_zone);
  if (!zone.ok()) return WithContext(zone.status(), "--timezone");
  rules.zone = *zone;
  return rules;
}

}  // namespace cairn::client
