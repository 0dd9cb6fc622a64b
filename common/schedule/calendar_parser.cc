#include "common/schedule/calendar_parser.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

struct Keyword {
  std::string_view name;
  std::string_view meaning;
};
constexpr Keyword kKeywords[] = {
    {"minutely", "*:*"},
    {"hourly", "*:0"},
    {"daily", "0:0"},
    {"weekly", "mon 0:0"},
    {"monthly", "*-1 0:0"},
    {"quarterly", "1,4,7,10-1 0:0"},
    {"semiannually", "1,7-1 0:0"},
    {"semi-annually", "1,7-1 0:0"},
    {"yearly", "1-1 0:0"},
    {"annually", "1-1 0:0"},
};
constexpr std::array<std::string_view, 7> kWeekdays = {
    "monday", "tuesday",  "wednesday", "thursday",
    "friday", "saturday", "sunday"};
constexpr size_t kShortWeekdayLength = 3;
// Above every number that is allowed, and far from an overflow.
constexpr int kMaxDigits = 4;

// Which numbers a field may hold.
struct Range {
  std::string_view name;
  int first;
  int last;
  int star_step_from;  // where "*/n" starts to count
};
constexpr Range kYear = {"year", CalendarFields::kFirstYear,
                         CalendarFields::kLastYear, 0};
constexpr Range kMonth = {"month", 1, 12, 1};
constexpr Range kDay = {"day of the month", 1, 31, 1};
constexpr Range kHour = {"hour", 0, 23, 0};
constexpr Range kMinute = {"minute", 0, 59, 0};
constexpr Range kSecond = {"second", 0, 59, 0};

// A word of the text, and where in the text it starts.
struct Word {
  std::string_view text;
  size_t offset = 0;
};

bool IsSpace(char c) { return c == ' ' || c == '\t'; }

std::vector<Word> SplitWords(std::string_view text) {
  std::vector<Word> words;
  size_t at = 0;
  while (at < text.size()) {
    if (IsSpace(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && !IsSpace(text[end])) ++end;
    words.push_back({text.substr(at, end - at), at});
    at = end;
  }
  return words;
}

std::vector<Word> SplitWord(const Word& word, char separator) {
  std::vector<Word> parts;
  size_t at = 0;
  while (true) {
    const size_t end =
        std::min(word.text.find(separator, at), word.text.size());
    parts.push_back({word.text.substr(at, end - at), word.offset + at});
    if (end == word.text.size()) return parts;
    at = end + 1;
  }
}

template <size_t kSize>
void SetAll(std::bitset<kSize>& bits, const Range& range, int base) {
  for (int value = range.first; value <= range.last; ++value) {
    bits.set(static_cast<size_t>(value - base));
  }
}

class CalendarParser {
 public:
  explicit CalendarParser(std::string_view text) : text_(text) {}

  absl::StatusOr<CalendarFields> Parse();

 private:
  absl::Status Error(size_t offset, std::string_view why) const {
    return absl::InvalidArgumentError(
        absl::StrCat("calendar event \"", absl::CHexEscape(text_),
                     "\", column ", offset + 1, ": ", why));
  }
  absl::Status ParseWords(std::vector<Word> words);
  absl::Status ParseWeekdays(const Word& word);
  absl::StatusOr<int> ParseWeekday(const Word& word) const;
  absl::Status ParseDate(const Word& word);
  absl::Status ParseTime(const Word& word);

  // One field: "*", "*/n", or a list. Bit (value - base) is set for each.
  template <size_t kSize>
  absl::Status ParseField(const Word& word, const Range& range,
                          std::bitset<kSize>& bits, int base = 0) const;
  template <size_t kSize>
  absl::Status ParseItem(const Word& word, const Range& range,
                         std::bitset<kSize>& bits, int base) const;
  absl::StatusOr<int> ParseNumber(const Word& word, std::string_view what,
                                  int first, int last) const;

  const std::string_view text_;
  CalendarFields fields_;
};

absl::StatusOr<CalendarFields> CalendarParser::Parse() {
  std::vector<Word> words = SplitWords(text_);
  if (!words.empty() && absl::EqualsIgnoreCase(words.back().text, "utc")) {
    fields_.utc = true;
    words.pop_back();
  }
  if (words.empty()) {
    return Error(text_.size(),
                 "there is no event; weekdays, a date, a time or a word such "
                 "as daily are allowed");
  }
  const auto keyword = std::find_if(
      std::begin(kKeywords), std::end(kKeywords), [&](const Keyword& known) {
        return absl::EqualsIgnoreCase(known.name, words[0].text);
      });
  if (keyword == std::end(kKeywords)) {
    RETURN_IF_ERROR(ParseWords(std::move(words)));
    return fields_;
  }
  if (words.size() > 1) {
    return Error(words[1].offset,
                 absl::StrCat("only UTC is allowed after ", keyword->name));
  }
  RETURN_IF_ERROR(ParseWords(SplitWords(keyword->meaning)));
  return fields_;
}

// At most one word of each kind, in this order.
absl::Status CalendarParser::ParseWords(std::vector<Word> words) {
  size_t next = 0;
  const auto at_end = [&] { return next == words.size(); };
  fields_.weekdays.set();
  if (!at_end() &&
      absl::ascii_isalpha(static_cast<unsigned char>(words[next].text[0]))) {
    RETURN_IF_ERROR(ParseWeekdays(words[next++]));
  }
  SetAll(fields_.years, kYear, CalendarFields::kFirstYear);
  SetAll(fields_.months, kMonth, 0);
  SetAll(fields_.days, kDay, 0);
  if (!at_end() && absl::StrContains(words[next].text, '-')) {
    RETURN_IF_ERROR(ParseDate(words[next++]));
  }
  fields_.hours.set(0);
  fields_.minutes.set(0);
  fields_.seconds.set(0);
  if (!at_end()) RETURN_IF_ERROR(ParseTime(words[next++]));
  if (at_end()) return absl::OkStatus();
  return Error(words[next].offset,
               absl::StrCat("\"", absl::CHexEscape(words[next].text),
                            "\" is too much; [weekdays] [[year-]month-day] "
                            "[[hour:]minute[:second]] [UTC] are allowed, in "
                            "this order"));
}

absl::Status CalendarParser::ParseWeekdays(const Word& word) {
  fields_.weekdays.reset();
  for (const Word& item : SplitWord(word, ',')) {
    const size_t dots = item.text.find("..");
    if (dots == std::string_view::npos) {
      ASSIGN_OR_RETURN(const int day, ParseWeekday(item));
      fields_.weekdays.set(static_cast<size_t>(day));
      continue;
    }
    ASSIGN_OR_RETURN(const int first,
                     ParseWeekday({item.text.substr(0, dots), item.offset}));
    ASSIGN_OR_RETURN(const int last, ParseWeekday({item.text.substr(dots + 2),
                                                   item.offset + dots + 2}));
    // fri..mon goes over the end of the week.
    for (int day = first;; day = (day + 1) % 7) {
      fields_.weekdays.set(static_cast<size_t>(day));
      if (day == last) break;
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<int> CalendarParser::ParseWeekday(const Word& word) const {
  for (size_t day = 0; day < kWeekdays.size(); ++day) {
    const std::string_view name = kWeekdays[day];
    if (absl::EqualsIgnoreCase(word.text, name) ||
        absl::EqualsIgnoreCase(word.text,
                               name.substr(0, kShortWeekdayLength))) {
      return static_cast<int>(day);
    }
  }
  return Error(word.offset,
               absl::StrCat("\"", absl::CHexEscape(word.text),
                            "\" is no weekday; mon..sun and monday..sunday "
                            "are allowed, lists a,b and ranges a..b of them, "
                            "and the words minutely, hourly, daily, weekly, "
                            "monthly, quarterly, semiannually, yearly"));
}

absl::Status CalendarParser::ParseDate(const Word& word) {
  const std::vector<Word> parts = SplitWord(word, '-');
  if (parts.size() > 3) {
    return Error(parts[3].offset - 1,
                 "month-day and year-month-day are allowed; write ranges as "
                 "a..b");
  }
  size_t next = 0;
  if (parts.size() == 3) {
    fields_.years.reset();
    RETURN_IF_ERROR(ParseField(parts[next++], kYear, fields_.years,
                               CalendarFields::kFirstYear));
  }
  fields_.months.reset();
  RETURN_IF_ERROR(ParseField(parts[next++], kMonth, fields_.months));
  fields_.days.reset();
  return ParseField(parts[next], kDay, fields_.days);
}

absl::Status CalendarParser::ParseTime(const Word& word) {
  const std::vector<Word> parts = SplitWord(word, ':');
  if (parts.size() > 3) {
    return Error(parts[3].offset - 1,
                 "minute, hour:minute and hour:minute:second are allowed");
  }
  size_t next = 0;
  if (parts.size() == 1) {
    SetAll(fields_.hours, kHour, 0);
  } else {
    fields_.hours.reset();
    RETURN_IF_ERROR(ParseField(parts[next++], kHour, fields_.hours));
  }
  fields_.minutes.reset();
  RETURN_IF_ERROR(ParseField(parts[next++], kMinute, fields_.minutes));
  if (next == parts.size()) return absl::OkStatus();
  fields_.seconds.reset();
  return ParseField(parts[next], kSecond, fields_.seconds);
}

template <size_t kSize>
absl::Status CalendarParser::ParseField(const Word& word, const Range& range,
                                        std::bitset<kSize>& bits,
                                        int base) const {
  if (word.text == "*") {
    SetAll(bits, range, base);
    return absl::OkStatus();
  }
  if (absl::StartsWith(word.text, "*/")) {
    ASSIGN_OR_RETURN(
        const int step,
        ParseNumber({word.text.substr(2), word.offset + 2},
                    absl::StrCat("step of ", range.name), 1, range.last));
    for (int value = range.star_step_from; value <= range.last; value += step) {
      if (value >= range.first) bits.set(static_cast<size_t>(value - base));
    }
    return absl::OkStatus();
  }
  if (absl::StartsWith(word.text, "*")) {
    return Error(word.offset + 1, absl::StrCat("after * as ", range.name,
                                               " only a step /n is allowed"));
  }
  for (const Word& item : SplitWord(word, ',')) {
    RETURN_IF_ERROR(ParseItem(item, range, bits, base));
  }
  return absl::OkStatus();
}

// "a", "a..b", "a/n", "a..b/n".
template <size_t kSize>
absl::Status CalendarParser::ParseItem(const Word& word, const Range& range,
                                       std::bitset<kSize>& bits,
                                       int base) const {
  Word values = word;
  int step = 1;
  const size_t slash = word.text.find('/');
  if (slash != std::string_view::npos) {
    values.text = word.text.substr(0, slash);
    ASSIGN_OR_RETURN(
        step,
        ParseNumber({word.text.substr(slash + 1), word.offset + slash + 1},
                    absl::StrCat("step of ", range.name), 1, range.last));
  }
  const size_t dots = values.text.find("..");
  ASSIGN_OR_RETURN(const int first,
                   ParseNumber({values.text.substr(0, dots), values.offset},
                               range.name, range.first, range.last));
  int last = slash == std::string_view::npos ? first : range.last;
  if (dots != std::string_view::npos) {
    const Word end = {values.text.substr(dots + 2), values.offset + dots + 2};
    ASSIGN_OR_RETURN(last,
                     ParseNumber(end, range.name, range.first, range.last));
    if (last < first) {
      return Error(
          end.offset,
          absl::StrCat("the range of ", range.name, " ends at ", last,
                       ", before its start ", first, "; write two ranges"));
    }
  }
  for (int value = first; value <= last; value += step) {
    bits.set(static_cast<size_t>(value - base));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> CalendarParser::ParseNumber(const Word& word,
                                                std::string_view what,
                                                int first, int last) const {
  int value = 0;
  bool is_number = !word.text.empty() && word.text.size() <= kMaxDigits;
  for (const char c : word.text) {
    if (!is_number || c < '0' || c > '9') {
      is_number = false;
      break;
    }
    value = value * 10 + (c - '0');
  }
  if (is_number && value >= first && value <= last) return value;
  return Error(word.offset,
               absl::StrCat(what, " is \"", absl::CHexEscape(word.text), "\", ",
                            first, "..", last, " are allowed"));
}

}  // namespace

absl::StatusOr<CalendarFields> ParseCalendarFields(std::string_view text) {
  if (text.size() > kMaxCalendarTextLength) {
    return absl::InvalidArgumentError(
        absl::StrCat("calendar event is ", text.size(), " bytes long, at most ",
                     kMaxCalendarTextLength, " are allowed"));
  }
  return CalendarParser(text).Parse();
}

}  // namespace cairn
