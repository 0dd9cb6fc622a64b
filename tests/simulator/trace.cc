#include "tests/simulator/trace.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace cairn::simulator {

void Trace::Add(absl::Duration time, std::string_view line,
                std::string_view detail) {
  // FNV-1a.
  const auto mix = [this](unsigned char byte) {
    hash_ = (hash_ ^ byte) * 0x100000001b3;
  };
  const int64_t nanoseconds = absl::ToInt64Nanoseconds(time);
  for (int shift = 0; shift < 64; shift += 8) {
    mix(static_cast<unsigned char>(nanoseconds >> shift));
  }
  for (const char c : line) mix(static_cast<unsigned char>(c));
  if (!keeps()) return;
  lines_.push_back(
      absl::StrCat(absl::StrFormat("%12.6f ", absl::ToDoubleSeconds(time)),
                   line, detail.empty() ? "" : ": ", detail));
  if (lines_.size() > kept_lines_) lines_.pop_front();
}

}  // namespace cairn::simulator
