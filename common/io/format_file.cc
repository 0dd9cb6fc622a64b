#include "common/io/format_file.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

constexpr size_t kMaxFeatureLength = 64;

absl::Status BadField(std::string_view key) {
  return absl::DataLossError(
      absl::StrCat("field \"", key, "\" is missing or not readable"));
}

absl::StatusOr<std::string> Field(const TextFields& fields,
                                  const std::string& key) {
  const auto found = fields.find(key);
  if (found == fields.end()) return BadField(key);
  return found->second;
}

bool IsFeatureName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxFeatureLength &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-';
         });
}

absl::StatusOr<std::set<std::string>> FeatureField(const TextFields& fields,
                                                   const std::string& key) {
  ASSIGN_OR_RETURN(const std::string text, Field(fields, key));
  std::set<std::string> names;
  for (const absl::string_view name :
       absl::StrSplit(text, ',', absl::SkipEmpty())) {
    if (!IsFeatureName(name)) return BadField(key);
    names.emplace(name);
  }
  return names;
}

// Those of `used` that are not in `known`.
std::vector<std::string> Unknown(const std::set<std::string>& used,
                                 const std::set<std::string>& known) {
  std::vector<std::string> unknown;
  std::set_difference(used.begin(), used.end(), known.begin(), known.end(),
                      std::back_inserter(unknown));
  return unknown;
}

absl::Status Refuse(const FormatFile& format, const FormatSupport& support,
                    std::string_view what) {
  return absl::FailedPreconditionError(absl::StrCat(
      "data needs ", what, ", which release ", support.release,
      " does not have; start release ", format.release, " or a newer one"));
}

}  // namespace

TextFields EncodeFormat(const FormatFile& format) {
  return {{"uuid", format.uuid.ToString()},
          {"service", format.service},
          {"version", absl::StrCat(format.version)},
          {"release", format.release},
          {"compatible", absl::StrJoin(format.features.compatible, ",")},
          {"read_only_compatible",
           absl::StrJoin(format.features.read_only_compatible, ",")},
          {"incompatible", absl::StrJoin(format.features.incompatible, ",")}};
}

absl::StatusOr<FormatFile> DecodeFormat(const TextFields& fields) {
  FormatFile format;
  ASSIGN_OR_RETURN(const std::string uuid, Field(fields, "uuid"));
  const absl::StatusOr<Uuid> parsed = Uuid::Parse(uuid);
  if (!parsed.ok() || parsed->is_zero()) return BadField("uuid");
  format.uuid = *parsed;
  ASSIGN_OR_RETURN(format.service, Field(fields, "service"));
  ASSIGN_OR_RETURN(const std::string version, Field(fields, "version"));
  if (!absl::SimpleAtoi(version, &format.version) || format.version == 0) {
    return BadField("version");
  }
  ASSIGN_OR_RETURN(format.release, Field(fields, "release"));
  ASSIGN_OR_RETURN(format.features.compatible,
                   FeatureField(fields, "compatible"));
  ASSIGN_OR_RETURN(format.features.read_only_compatible,
                   FeatureField(fields, "read_only_compatible"));
  ASSIGN_OR_RETURN(format.features.incompatible,
                   FeatureField(fields, "incompatible"));
  return format;
}

absl::Status CheckFormat(const FormatFile& format, const FormatSupport& support,
                         bool read_only) {
  if (format.service != support.service) {
    return absl::FailedPreconditionError(
        absl::StrCat("data belongs to service ", format.service, ", not to ",
                     support.service, "; give each its own directory"));
  }
  if (format.version > support.version) {
    return Refuse(format, support,
                  absl::StrCat("format version ", format.version));
  }
  std::vector<std::string> unknown =
      Unknown(format.features.incompatible, support.features.incompatible);
  if (!unknown.empty()) {
    return Refuse(format, support,
                  absl::StrCat("feature ", absl::StrJoin(unknown, ", ")));
  }
  unknown = Unknown(format.features.read_only_compatible,
                    support.features.read_only_compatible);
  if (!unknown.empty() && !read_only) {
    return Refuse(
        format, support,
        absl::StrCat("for writing the feature ", absl::StrJoin(unknown, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace cairn
