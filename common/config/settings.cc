#include "common/config/settings.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/config/yaml_file.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

std::string EnvironmentName(const std::string& name) {
  return absl::StrCat(
      "CAIRN_", absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}})));
}

std::vector<std::string> SplitList(const std::vector<std::string>& values) {
  std::vector<std::string> all;
  for (const std::string& value : values) {
    for (std::string_view item : absl::StrSplit(value, ',')) {
      item = absl::StripAsciiWhitespace(item);
      if (!item.empty()) all.emplace_back(item);
    }
  }
  return all;
}

bool IsName(std::string_view name) {
  if (name.empty() || !absl::ascii_islower(name.front())) return false;
  for (const char c : name) {
    if (!absl::ascii_islower(c) && !absl::ascii_isdigit(c) && c != '-') {
      return false;
    }
  }
  return true;
}

// A double-quoted scalar: right for every string.
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

absl::Status OutOfRange(std::string_view found, std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat("found '", found, "', allowed is ", allowed));
}

}  // namespace

struct Settings::Setting {
  std::string name;
  std::string help;
  std::string type;
  bool is_list = false;
  std::function<absl::Status(const std::vector<std::string>&)> parse;
  std::function<std::vector<std::string>()> format;
  bool is_set = false;
};

Settings::Settings(std::string program, std::string purpose,
                   std::string version)
    : program_(std::move(program)),
      purpose_(std::move(purpose)),
      version_(std::move(version)) {}
Settings::~Settings() = default;

void Settings::AddSetting(
    const std::string& name, const std::string& help, const std::string& type,
    bool is_list,
    std::function<absl::Status(const std::vector<std::string>&)> parse,
    std::function<std::vector<std::string>()> format) {
  CHECK(IsName(name)) << name;
  for (const auto& other : settings_) CHECK(other->name != name) << name;
  settings_.push_back(std::make_unique<Setting>(
      Setting{name, help, type, is_list, std::move(parse), std::move(format)}));
}

void Settings::Add(const std::string& name, std::string* field,
                   const std::string& help) {
  AddSetting(
      name, help, "TEXT", false,
      [field](const std::vector<std::string>& values) {
        *field = values.back();
        return absl::OkStatus();
      },
      [field] { return std::vector<std::string>{*field}; });
}

void Settings::Add(const std::string& name, bool* field,
                   const std::string& help) {
  AddSetting(
      name, help, "true|false", false,
      [field](const std::vector<std::string>& values) -> absl::Status {
        if (!absl::SimpleAtob(values.back(), field)) {
          return OutOfRange(values.back(), "true or false");
        }
        return absl::OkStatus();
      },
      [field] { return std::vector<std::string>{*field ? "true" : "false"}; });
}

void Settings::Add(const std::string& name, int64_t* field, int64_t min,
                   int64_t max, const std::string& help) {
  AddSetting(
      name, help, "NUMBER", false,
      [=](const std::vector<std::string>& values) -> absl::Status {
        int64_t number = 0;
        if (!absl::SimpleAtoi(values.back(), &number) || number < min ||
            number > max) {
          return OutOfRange(values.back(), absl::StrCat(min, " to ", max));
        }
        *field = number;
        return absl::OkStatus();
      },
      [field] { return std::vector<std::string>{absl::StrCat(*field)}; });
}

void Settings::Add(const std::string& name, absl::Duration* field,
                   absl::Duration min, absl::Duration max,
                   const std::string& help) {
  AddSetting(
      name, help, "DURATION", false,
      [=](const std::vector<std::string>& values) -> absl::Status {
        absl::Duration duration;
        if (!absl::ParseDuration(values.back(), &duration) || duration < min ||
            duration > max) {
          return OutOfRange(
              values.back(),
              absl::StrCat(absl::FormatDuration(min), " to ",
                           absl::FormatDuration(max), ", as in 30s or 1h30m"));
        }
        *field = duration;
        return absl::OkStatus();
      },
      [field] {
        return std::vector<std::string>{absl::FormatDuration(*field)};
      });
}

void Settings::AddBytes(const std::string& name, uint64_t* field, uint64_t min,
                        uint64_t max, const std::string& help) {
  AddSetting(
      name, help, "BYTES", false,
      [=](const std::vector<std::string>& values) -> absl::Status {
        ASSIGN_OR_RETURN(const uint64_t bytes, ParseByteSize(values.back()));
        if (bytes < min || bytes > max) {
          return OutOfRange(
              values.back(),
              absl::StrCat(FormatByteSize(min), " to ", FormatByteSize(max)));
        }
        *field = bytes;
        return absl::OkStatus();
      },
      [field] { return std::vector<std::string>{FormatByteSize(*field)}; });
}

void Settings::Add(const std::string& name, std::vector<std::string>* field,
                   const std::string& help) {
  AddSetting(
      name, help, "LIST", true,
      [field](const std::vector<std::string>& values) {
        *field = SplitList(values);
        return absl::OkStatus();
      },
      [field] { return *field; });
}

absl::Status Settings::Assign(const Setting& setting,
                              const std::vector<std::string>& values,
                              const std::string& source) {
  return WithContext(setting.parse(values),
                     absl::StrCat("setting ", setting.name, " from ", source));
}

absl::Status Settings::ReadEnvironment() {
  for (const auto& setting : settings_) {
    if (setting->is_set) continue;
    const std::string variable = EnvironmentName(setting->name);
    const char* const value = std::getenv(variable.c_str());
    if (value == nullptr) continue;
    RETURN_IF_ERROR(Assign(*setting, {value}, variable));
    setting->is_set = true;
  }
  return absl::OkStatus();
}

absl::Status Settings::ReadFile(const std::string& path) {
  ASSIGN_OR_RETURN(const std::vector<YamlEntry> entries, ReadYamlFile(path));
  for (const YamlEntry& entry : entries) {
    const std::string source = absl::StrCat(path, ":", entry.line);
    Setting* found = nullptr;
    for (const auto& setting : settings_) {
      if (setting->name == entry.key) found = setting.get();
    }
    if (found == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          source, ": no setting '", entry.key, "'; see --help for all"));
    }
    if (entry.is_list && !found->is_list) {
      return absl::InvalidArgumentError(
          absl::StrCat("setting ", entry.key, " from ", source,
                       ": found a list, allowed ", "is one value"));
    }
    if (found->is_set) continue;
    RETURN_IF_ERROR(Assign(*found, entry.values, source));
    found->is_set = true;
  }
  return absl::OkStatus();
}

std::string Settings::ToYaml() const {
  std::string yaml;
  for (const auto& setting : settings_) {
    absl::StrAppend(&yaml, "# ", setting->help, "\n", setting->name, ":");
    const std::vector<std::string> values = setting->format();
    if (!setting->is_list) {
      absl::StrAppend(&yaml, " ", YamlQuote(values.front()), "\n");
      continue;
    }
    absl::StrAppend(&yaml, " [",
                    absl::StrJoin(values, ", ",
                                  [](std::string* out, const std::string& v) {
                                    absl::StrAppend(out, YamlQuote(v));
                                  }),
                    "]\n");
  }
  return yaml;
}

absl::StatusOr<ParsedCommand> Settings::Parse(int argc, const char* const* argv,
                                              std::ostream& out) {
  CLI::App app(purpose_, program_);
  app.set_version_flag("--version", absl::StrCat(program_, " ", version_));
  app.footer(footer_);
  std::string config;
  bool print = false;
  app.add_option("--config", config, "YAML file of settings")
      ->envname("CAIRN_CONFIG");
  app.add_flag("--print-config", print, "Print all settings as YAML and exit");
  app.add_flag("--check-config", check_only_,
               "Check all settings and exit with 0 if they are right");
  std::vector<std::pair<Setting*, CLI::Option*>> options;
  std::vector<std::vector<std::string>> values(settings_.size());
  for (size_t i = 0; i < settings_.size(); ++i) {
    Setting* const setting = settings_[i].get();
    const std::string fallback = absl::StrJoin(setting->format(), ",");
    CLI::Option* const option = app.add_option(
        "--" + setting->name, values[i],
        absl::StrCat(setting->help, " [", EnvironmentName(setting->name),
                     fallback.empty() ? "" : ", default ", fallback, "]"));
    option->type_name(setting->type)->expected(0, 1);
    option->multi_option_policy(setting->is_list
                                    ? CLI::MultiOptionPolicy::TakeAll
                                    : CLI::MultiOptionPolicy::Throw);
    options.emplace_back(setting, option);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {
    app.exit(success, out, out);
    return ParsedCommand::kExit;
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(
        absl::StrCat(error.what(), "; see --help"));
  }
  for (size_t i = 0; i < options.size(); ++i) {
    auto& [setting, option] = options[i];
    if (option->count() == 0) continue;
    // "--name=" says that the value is empty.
    if (values[i].empty()) values[i].emplace_back();
    RETURN_IF_ERROR(Assign(*setting, values[i], "--" + setting->name));
    setting->is_set = true;
  }
  RETURN_IF_ERROR(ReadEnvironment());
  if (!config.empty()) RETURN_IF_ERROR(ReadFile(config));
  if (print) {
    out << ToYaml();
    return ParsedCommand::kExit;
  }
  return ParsedCommand::kRun;
}

}  // namespace cairn
