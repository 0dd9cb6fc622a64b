#include <array>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/config/settings.h"

namespace cairn {
namespace {

struct Unit {
  std::string_view suffix;
  int shift;
};
constexpr std::array<Unit, 4> kUnits = {
    {{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}}};

}  // namespace

absl::StatusOr<uint64_t> ParseByteSize(std::string_view text) {
  std::string_view digits = text;
  int shift = 0;
  for (const Unit& unit : kUnits) {
    if (digits.ends_with(unit.suffix)) {
      digits.remove_suffix(unit.suffix.size());
      shift = unit.shift;
      break;
    }
  }
  uint64_t number = 0;
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (digits.find_first_not_of("0123456789") != digits.npos ||
      !absl::SimpleAtoi(digits, &number) || number > (kMax >> shift)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "'", text,
        "' is no number of bytes; write it as 262144, 256KiB, 64MiB or 1GiB"));
  }
  return number << shift;
}

std::string FormatByteSize(uint64_t bytes) {
  for (const Unit& unit : kUnits) {
    const uint64_t size = uint64_t{1} << unit.shift;
    if (bytes >= size && bytes % size == 0) {
      return absl::StrCat(bytes / size, unit.suffix);
    }
  }
  return absl::StrCat(bytes);
}

}  // namespace cairn
