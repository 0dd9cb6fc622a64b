#include "client/backup/range_list.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "client/backup/line_reader.h"
#include "common/status/status_macros.h"
#include "common/text/quote.h"

namespace cairn::client {
namespace {

constexpr size_t kMaxLineBytes = 4096;

// Sorts, and joins what overlaps or touches.
void Normalise(std::vector<ByteRange>& ranges) {
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) {
              return a.offset < b.offset;
            });
  size_t kept = 0;
  for (const ByteRange& range : ranges) {
    if (kept > 0 && range.offset <= ranges[kept - 1].end) {
      ranges[kept - 1].end = std::max(ranges[kept - 1].end, range.end);
    } else {
      ranges[kept++] = range;
    }
  }
  ranges.resize(kept);
}

// Digits alone: no sign, no blank.
std::optional<uint64_t> ParseNumber(std::string_view text) {
  uint64_t number = 0;
  if (absl::StartsWithIgnoreCase(text, "0x")) {
    const std::string_view digits = text.substr(2);
    if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit) ||
        !absl::SimpleHexAtoi(digits, &number)) {
      return std::nullopt;
    }
  } else if (!std::all_of(text.begin(), text.end(), absl::ascii_isdigit) ||
             !absl::SimpleAtoi(text, &number)) {
    return std::nullopt;
  }
  if (number > RangeList::kMaxOffset) return std::nullopt;
  return number;
}

// Reads the ranges of a list.
class ListParser {
 public:
  ListParser(ByteProducer* producer, std::string_view name)
      : lines_(producer, name, kMaxLineBytes, "a line is OFFSET LENGTH") {}

  absl::StatusOr<RangeList> Parse() {
    while (true) {
      ASSIGN_OR_RETURN(const std::optional<std::string_view> line,
                       lines_.Next());
      if (!line.has_value()) break;
      if (!lines_.last_line_is_whole()) {
        return lines_.Error(
            "does not end with a newline, so the list may have been cut off; "
            "each line of a list ends with one");
      }
      RETURN_IF_ERROR(TakeLine(*line));
    }
    RETURN_IF_ERROR(CheckCount(0));
    return RangeList(std::move(ranges_));
  }

 private:
  // Joins, and refuses what is too much even so. There may be `more` beside.
  absl::Status CheckCount(size_t more) {
    if (ranges_.size() <= RangeList::kMaxRanges + more) {
      return absl::OkStatus();
    }
    Normalise(ranges_);
    if (ranges_.size() <= RangeList::kMaxRanges) return absl::OkStatus();
    return lines_.Error(
        absl::StrCat("more than ", RangeList::kMaxRanges,
                     " ranges that do not touch; join those that are "
                     "near each other"));
  }

  absl::StatusOr<uint64_t> Number(std::string_view what,
                                  std::string_view word) const {
    const std::optional<uint64_t> number = ParseNumber(word);
    if (number.has_value()) return *number;
    return lines_.Error(absl::StrCat(
        what, " is ", Quote(word), ", allowed are 0 to ", RangeList::kMaxOffset,
        " bytes, decimal or hexadecimal behind 0x"));
  }

  absl::Status TakeLine(std::string_view line) {
    const std::string_view said = line.substr(0, line.find('#'));
    const std::vector<std::string_view> words =
        absl::StrSplit(said, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty()) return absl::OkStatus();
    if (words.size() != 2) {
      return lines_.Error(
          absl::StrCat(Quote(said), " has ", words.size(),
                       words.size() == 1 ? " word" : " words",
                       ", a line is OFFSET LENGTH, both in bytes"));
    }
    ASSIGN_OR_RETURN(const uint64_t offset, Number("OFFSET", words[0]));
    ASSIGN_OR_RETURN(const uint64_t length, Number("LENGTH", words[1]));
    if (length > RangeList::kMaxOffset - offset) {
      return lines_.Error(absl::StrCat("range of ", length, " bytes at ",
                                       offset, " ends above ",
                                       RangeList::kMaxOffset));
    }
    if (length == 0) return absl::OkStatus();
    ranges_.push_back({.offset = offset, .end = offset + length});
    // Twice as many may be kept unjoined, so that joining them costs little.
    return CheckCount(RangeList::kMaxRanges);
  }

  LineReader lines_;
  std::vector<ByteRange> ranges_;
};

}  // namespace

RangeList::RangeList(std::vector<ByteRange> ranges)
    : ranges_(std::move(ranges)) {
  Normalise(ranges_);
}

absl::StatusOr<RangeList> ReadRangeList(ByteProducer& producer,
                                        std::string_view name) {
  return ListParser(&producer, name).Parse();
}

}  // namespace cairn::client
