#include "common/config/setting_text.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace cairn {
namespace {

// A shell or a container may set them for a server's neighbour.
constexpr std::array<std::string_view, 15> kVariablesOfOthers = {
    "CAIRN_CONFIG",    "CAIRN_SERVER",       "CAIRN_MAINTENANCE_SERVER",
    "CAIRN_TLS_CA",    "CAIRN_TLS_CERT",     "CAIRN_TLS_KEY",
    "CAIRN_DATASTORE", "CAIRN_NAMESPACE",    "CAIRN_PROFILE",
    "CAIRN_RATE",      "CAIRN_PROFILE_FILE", "CAIRN_TOKEN_FILE",
    "CAIRN_BINARIES",  "CAIRN_SOAK",         "CAIRN_TEST_SEED"};

constexpr size_t kCommentLineBytes = 79;

}  // namespace

bool IsSettingName(std::string_view name) {
  if (name.empty() || !absl::ascii_islower(name.front())) return false;
  for (const char c : name) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '-') {
      return false;
    }
  }
  return true;
}

std::string EnvironmentName(std::string_view setting) {
  return absl::StrCat("CAIRN_", absl::AsciiStrToUpper(absl::StrReplaceAll(
                                    setting, {{"-", "_"}})));
}

bool IsVariableOfOthers(std::string_view name) {
  if (std::find(kVariablesOfOthers.begin(), kVariablesOfOthers.end(), name) !=
      kVariablesOfOthers.end()) {
    return true;
  }
  // For cairn-index CAIRN_INDEX_SERVICE_HOST, CAIRN_INDEX_PORT and
  // CAIRN_INDEX_PORT_9441_TCP_ADDR.
  return absl::StrContains(name, "_SERVICE_") ||
         absl::StrContains(name, "_PORT_") || absl::EndsWith(name, "_PORT");
}

std::string YamlQuote(std::string_view value) {
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') {
      quoted += '\\';
      quoted += c;
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      absl::StrAppend(
          &quoted, "\\x",
          absl::Hex(static_cast<unsigned char>(c), absl::kZeroPad2));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

void AppendComment(std::string_view text, std::string* yaml) {
  std::string line = "#";
  for (const std::string_view word : absl::StrSplit(text, ' ')) {
    if (line.size() > 1 && line.size() + 1 + word.size() > kCommentLineBytes) {
      absl::StrAppend(yaml, line, "\n");
      line = "#";
    }
    absl::StrAppend(&line, " ", word);
  }
  absl::StrAppend(yaml, line, "\n");
}

std::string ExampleHeader(std::string_view program) {
  std::string text;
  AppendComment(absl::StrCat("Settings of ", program, ", made by: ", program,
                             " --print-example-config"),
                &text);
  AppendComment(
      "Each is commented out and shows its default. A flag of the same name "
      "goes before the environment variable in brackets, and that before this "
      "file. What is not listed here is an error.",
      &text);
  AppendComment(
      "A change of what is reloadable is taken over when the process gets "
      "SIGHUP. A secret is never a setting: what is secret is in a file of its "
      "own, and the setting is its path.",
      &text);
  return text;
}

}  // namespace cairn
