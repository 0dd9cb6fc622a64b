#include "client/cli/snapshot_lines.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "client/backup/line_reader.h"
#include "common/model/names.h"
#include "common/status/status_macros.h"
#include "common/text/quote.h"

namespace cairn::client {
namespace {

using Json = nlohmann::json;

constexpr char kForm[] =
    "a line is {\"time\":\"2020-11-29T00:00:00Z\",\"protected\":false,"
    "\"finished\":true}";

absl::Status Wrong(std::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, "; ", kForm));
}

// As JSON, in ASCII, cut off where it is long.
std::string Text(const Json& value) {
  constexpr size_t kMaxBytes = 40;
  std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  if (text.size() > kMaxBytes) text = text.substr(0, kMaxBytes) + "...";
  return text;
}

absl::StatusOr<bool> ToBool(const std::string& key, const Json& value) {
  if (value.is_boolean()) return value.get<bool>();
  return Wrong(
      absl::StrCat(key, " is ", Text(value), ", must be true or false"));
}

absl::StatusOr<int64_t> ToTime(const Json& value) {
  if (value.is_string()) {
    return ParseSnapshotTime(value.get_ref<const std::string&>());
  }
  return Wrong(absl::StrCat("time is ", Text(value), ", must be a string"));
}

absl::StatusOr<PruneSnapshot> ParseLine(std::string_view line) {
  const Json document = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!document.is_object()) {
    return Wrong(absl::StrCat(Quote(line), " is no JSON object"));
  }
  PruneSnapshot snapshot;
  for (const auto& [key, value] : document.items()) {
    if (key == "time") {
      ASSIGN_OR_RETURN(snapshot.time, ToTime(value));
    } else if (key == "protected") {
      ASSIGN_OR_RETURN(snapshot.is_protected, ToBool(key, value));
    } else if (key == "finished") {
      ASSIGN_OR_RETURN(snapshot.finished, ToBool(key, value));
    } else {
      // One that is misspelt would change what is selected.
      return Wrong(absl::StrCat(Quote(key), " is not known"));
    }
  }
  if (snapshot.time == 0) return Wrong("time is missing");
  return snapshot;
}

}  // namespace

absl::StatusOr<std::vector<PruneSnapshot>> ReadSnapshotLines(
    ByteProducer& producer, std::string_view name) {
  LineReader lines(&producer, name, kMaxSnapshotLineBytes, kForm);
  std::vector<PruneSnapshot> snapshots;
  while (true) {
    ASSIGN_OR_RETURN(const std::optional<std::string_view> line, lines.Next());
    if (!line.has_value()) return snapshots;
    if (absl::StripAsciiWhitespace(*line).empty()) continue;
    if (snapshots.size() == kMaxSnapshotLines) {
      return lines.Error(absl::StrCat("more than ", kMaxSnapshotLines,
                                      " snapshots; a group has fewer"));
    }
    const absl::StatusOr<PruneSnapshot> snapshot = ParseLine(*line);
    if (!snapshot.ok()) return lines.Error(snapshot.status().message());
    snapshots.push_back(*snapshot);
  }
}

}  // namespace cairn::client
