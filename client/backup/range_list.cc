#include "client/backup/range_list.h"

#include <algorithm>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr size_t kMaxLineBytes = 4096;
// Of what was found, in an error.
constexpr size_t kMaxQuotedBytes = 40;

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

std::string Quoted(std::string_view text) {
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMaxQuotedBytes)),
                      text.size() > kMaxQuotedBytes ? "..." : "", "\"");
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

// Takes the text of a list in pieces of any length.
class ListParser {
 public:
  explicit ListParser(std::string_view name) : name_(name) {}

  absl::Status Add(std::string_view text) {
    while (!text.empty()) {
      const size_t newline = text.find('\n');
      line_ += text.substr(0, newline);
      if (line_.size() > kMaxLineBytes) {
        return Error(absl::StrCat("longer than ", kMaxLineBytes,
                                  " bytes; a line is OFFSET LENGTH"));
      }
      if (newline == std::string_view::npos) break;
      text.remove_prefix(newline + 1);
      RETURN_IF_ERROR(TakeLine());
      line_.clear();
      ++number_;
    }
    return absl::OkStatus();
  }

  absl::StatusOr<RangeList> Finish() {
    if (!line_.empty()) {
      return Error(
          "does not end with a newline, so the list may have been cut off; "
          "each line of a list ends with one");
    }
    RETURN_IF_ERROR(CheckCount(0));
    return RangeList(std::move(ranges_));
  }

 private:
  absl::Status Error(std::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(name_, " line ", number_, ": ", what));
  }

  // Joins, and refuses what is too much even so. There may be `more` beside.
  absl::Status CheckCount(size_t more) {
    if (ranges_.size() <= RangeList::kMaxRanges + more) {
      return absl::OkStatus();
    }
    Normalise(ranges_);
    if (ranges_.size() <= RangeList::kMaxRanges) return absl::OkStatus();
    return Error(absl::StrCat("more than ", RangeList::kMaxRanges,
                              " ranges that do not touch; join those that are "
                              "near each other"));
  }

  absl::StatusOr<uint64_t> Number(std::string_view what,
                                  std::string_view word) const {
    const std::optional<uint64_t> number = ParseNumber(word);
    if (number.has_value()) return *number;
    return Error(absl::StrCat(what, " is ", Quoted(word), ", allowed are 0 to ",
                              RangeList::kMaxOffset,
                              " bytes, decimal or hexadecimal behind 0x"));
  }

  absl::Status TakeLine() {
    const std::string_view said =
        std::string_view(line_).substr(0, line_.find('#'));
    const std::vector<std::string_view> words =
        absl::StrSplit(said, absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
    if (words.empty()) return absl::OkStatus();
    if (words.size() != 2) {
      return Error(absl::StrCat(Quoted(said), " has ", words.size(),
                                words.size() == 1 ? " word" : " words",
                                ", a line is OFFSET LENGTH, both in bytes"));
    }
    ASSIGN_OR_RETURN(const uint64_t offset, Number("OFFSET", words[0]));
    ASSIGN_OR_RETURN(const uint64_t length, Number("LENGTH", words[1]));
    if (length > RangeList::kMaxOffset - offset) {
      return Error(absl::StrCat("range of ", length, " bytes at ", offset,
                                " ends above ", RangeList::kMaxOffset));
    }
    if (length == 0) return absl::OkStatus();
    ranges_.push_back({.offset = offset, .end = offset + length});
    // Twice as many may be kept unjoined, so that joining them costs little.
    return CheckCount(RangeList::kMaxRanges);
  }

  const std::string name_;
  uint64_t number_ = 1;  // of the line
  std::string line_;     // as far as it has come
  std::vector<ByteRange> ranges_;
};

}  // namespace

RangeList::RangeList(std::vector<ByteRange> ranges)
    : ranges_(std::move(ranges)) {
  Normalise(ranges_);
}

absl::StatusOr<RangeList> ReadRangeList(ByteProducer& producer,
                                        std::string_view name) {
  ListParser parser(name);
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string> text, producer.Read());
    if (!text.has_value()) continue;
    if (text->empty()) return parser.Finish();
    RETURN_IF_ERROR(parser.Add(*text));
  }
}

}  // namespace cairn::client
