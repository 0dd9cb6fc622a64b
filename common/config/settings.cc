#include "common/config/settings.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <optional>
#include <ostream>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/config/setting_text.h"
#include "common/config/yaml_file.h"
#include "common/log/log.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn {
namespace {

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

absl::Status OutOfRange(std::string_view found, std::string_view allowed) {
  return absl::InvalidArgumentError(
      absl::StrCat("found '", found, "', allowed is ", allowed));
}

}  // namespace

struct Settings::Setting {
  std::string name;
  std::string help;
  TakesEffect effect = TakesEffect::kRestart;
  std::string type;
  std::string allowed;
  bool is_list = false;
  std::function<absl::Status(const std::vector<std::string>&)> parse;
  std::function<std::vector<std::string>()> format;
  // Gives what puts the present value back.
  std::function<std::function<void()>()> save;
  std::function<void()> set_default;
  // What the command line says; unset: nothing.
  std::optional<std::vector<std::string>> flag;
  bool is_set = false;

  // "[1 to 10, CAIRN_MAX_COUNT, reloadable]".
  std::string Notes(std::string_view value) const {
    return absl::StrCat(
        "[", value, value.empty() ? "" : ", ", EnvironmentName(name), ", ",
        effect == TakesEffect::kReload ? "reloadable" : "needs a restart", "]");
  }
};

Settings::Settings(std::string program, std::string purpose,
                   std::string version)
    : program_(std::move(program)),
      purpose_(std::move(purpose)),
      version_(std::move(version)) {}
Settings::~Settings() = default;

template <typename T>
void Settings::AddSetting(
    const std::string& name, T* field, const std::string& help,
    TakesEffect effect, const std::string& type, const std::string& allowed,
    std::function<absl::Status(const std::vector<std::string>&)> parse,
    std::function<std::vector<std::string>()> format) {
  CHECK(IsSettingName(name)) << name;
  for (const auto& other : settings_) CHECK(other->name != name) << name;
  auto added = std::make_unique<Setting>();
  added->name = name;
  added->help = help;
  added->effect = effect;
  added->type = type;
  added->allowed = allowed;
  added->is_list = std::is_same_v<T, std::vector<std::string>>;
  added->parse = std::move(parse);
  added->format = std::move(format);
  added->save = [field] { return [field, value = *field] { *field = value; }; };
  added->set_default = added->save();
  settings_.push_back(std::move(added));
}

void Settings::Add(const std::string& name, std::string* field,
                   const std::string& help, TakesEffect effect) {
  AddSetting(
      name, field, help, effect, "TEXT", "",
      [field](const std::vector<std::string>& values) {
        *field = values.back();
        return absl::OkStatus();
      },
      [field] { return std::vector<std::string>{*field}; });
}

void Settings::Add(const std::string& name, bool* field,
                   const std::string& help, TakesEffect effect) {
  const std::string allowed = "true or false";
  AddSetting(
      name, field, help, effect, "true|false", allowed,
      [=](const std::vector<std::string>& values) -> absl::Status {
        if (!absl::SimpleAtob(values.back(), field)) {
          return OutOfRange(values.back(), allowed);
        }
        return absl::OkStatus();
      },
      [field] { return std::vector<std::string>{*field ? "true" : "false"}; });
}

void Settings::Add(const std::string& name, int64_t* field, int64_t min,
                   int64_t max, const std::string& help, TakesEffect effect) {
  const std::string allowed = absl::StrCat(min, " to ", max);
  AddSetting(
      name, field, help, effect, "NUMBER", allowed,
      [=](const std::vector<std::string>& values) -> absl::Status {
        int64_t number = 0;
        if (!absl::SimpleAtoi(values.back(), &number) || number < min ||
            number > max) {
          return OutOfRange(values.back(), allowed);
        }
        *field = number;
        return absl::OkStatus();
      },
      [field] { return std::vector<std::string>{absl::StrCat(*field)}; });
}

void Settings::Add(const std::string& name, absl::Duration* field,
                   absl::Duration min, absl::Duration max,
                   const std::string& help, TakesEffect effect) {
  const std::string allowed =
      absl::StrCat(absl::FormatDuration(min), " to ", absl::FormatDuration(max),
                   ", as in 30s or 1h30m");
  AddSetting(
      name, field, help, effect, "DURATION", allowed,
      [=](const std::vector<std::string>& values) -> absl::Status {
        absl::Duration duration;
        if (!absl::ParseDuration(values.back(), &duration) || duration < min ||
            duration > max) {
          return OutOfRange(values.back(), allowed);
        }
        *field = duration;
        return absl::OkStatus();
      },
      [field] {
        return std::vector<std::string>{absl::FormatDuration(*field)};
      });
}

void Settings::AddBytes(const std::string& name, uint64_t* field, uint64_t min,
                        uint64_t max, const std::string& help,
                        TakesEffect effect) {
  const std::string allowed =
      absl::StrCat(FormatByteSize(min), " to ", FormatByteSize(max));
  AddSetting(
      name, field, help, effect, "BYTES", allowed,
      [=](const std::vector<std::string>& values) -> absl::Status {
        ASSIGN_OR_RETURN(const uint64_t bytes, ParseByteSize(values.back()));
        if (bytes < min || bytes > max) {
          return OutOfRange(values.back(), allowed);
        }
        *field = bytes;
        return absl::OkStatus();
      },
      [field] { return std::vector<std::string>{FormatByteSize(*field)}; });
}

void Settings::Add(const std::string& name, std::vector<std::string>* field,
                   const std::string& help, TakesEffect effect) {
  AddSetting(
      name, field, help, effect, "LIST", "a list",
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

absl::Status Settings::ReadSources() {
  for (const auto& setting : settings_) setting->is_set = false;
  RETURN_IF_ERROR(ReadFlags());
  RETURN_IF_ERROR(ReadEnvironment());
  return config_.empty() ? absl::OkStatus() : ReadFile(config_);
}

absl::Status Settings::ReadFlags() {
  for (const auto& setting : settings_) {
    if (!setting->flag.has_value()) continue;
    RETURN_IF_ERROR(Assign(*setting, *setting->flag, "--" + setting->name));
    setting->is_set = true;
  }
  return absl::OkStatus();
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

absl::StatusOr<SettingChanges> Settings::Reload(
    const std::function<absl::Status()>& validate,
    const std::function<absl::Status()>& apply) {
  std::vector<std::function<void()>> undo;
  for (const auto& setting : settings_) undo.push_back(setting->save());
  absl::StatusOr<SettingChanges> changes = TryReload(validate);
  if (changes.ok() && apply) {
    if (absl::Status applied = apply(); !applied.ok()) changes = applied;
  }
  if (!changes.ok()) {
    for (const std::function<void()>& restore : undo) restore();
  }
  return changes;
}

absl::StatusOr<SettingChanges> Settings::TryReload(
    const std::function<absl::Status()>& validate) {
  struct Before {
    std::vector<std::string> values;
    std::function<void()> restore;
  };
  std::vector<Before> before;
  for (const auto& setting : settings_) {
    before.push_back({setting->format(), setting->save()});
    setting->set_default();
  }
  RETURN_IF_ERROR(ReadSources());
  RETURN_IF_ERROR(validate());
  SettingChanges changes;
  for (size_t i = 0; i < settings_.size(); ++i) {
    const Setting& setting = *settings_[i];
    if (setting.format() == before[i].values) continue;
    if (setting.effect == TakesEffect::kReload) {
      changes.taken.push_back(setting.name);
    } else {
      changes.need_restart.push_back(setting.name);
      before[i].restore();
    }
  }
  if (changes.need_restart.empty()) return changes;
  RETURN_IF_ERROR(WithContext(
      validate(), absl::StrCat("beside the present values of ",
                               absl::StrJoin(changes.need_restart, ", "),
                               ", which change with a restart only")));
  return changes;
}

std::vector<std::string> Settings::UnknownVariables() const {
  std::vector<std::string> unknown;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view name =
        std::string_view(*entry).substr(0, std::string_view(*entry).find('='));
    if (!absl::StartsWith(name, "CAIRN_") || IsVariableOfOthers(name)) continue;
    const bool known = std::any_of(
        settings_.begin(), settings_.end(), [name](const auto& setting) {
          return EnvironmentName(setting->name) == name;
        });
    if (!known) unknown.emplace_back(name);
  }
  std::sort(unknown.begin(), unknown.end());
  return unknown;
}

std::string Settings::ToYaml() const { return ToYaml(""); }

std::string Settings::ToYaml(std::string_view before_names) const {
  std::string yaml;
  for (const auto& setting : settings_) {
    if (!yaml.empty()) yaml += '\n';
    AppendComment(setting->help, &yaml);
    AppendComment(setting->Notes(setting->allowed), &yaml);
    absl::StrAppend(&yaml, before_names, setting->name, ":");
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

std::string Settings::ToExample() const {
  return absl::StrCat(ExampleHeader(program_), "\n", ToYaml("#"));
}

absl::StatusOr<ParsedCommand> Settings::Parse(int argc, const char* const* argv,
                                              std::ostream& out) {
  CLI::App app(purpose_, program_);
  app.set_version_flag("--version", absl::StrCat(program_, " ", version_));
  app.footer(footer_);
  bool print = false;
  bool print_example = false;
  app.add_option("--config", config_, "YAML file of settings")
      ->envname("CAIRN_CONFIG");
  app.add_flag("--print-config", print, "Print all settings as YAML and exit");
  app.add_flag("--print-example-config", print_example,
               "Print a file that explains every setting, and exit");
  app.add_flag("--check-config", check_only_,
               "Check all settings and exit with 0 if they are right");
  std::vector<CLI::Option*> options;
  std::vector<std::vector<std::string>> values(settings_.size());
  for (size_t i = 0; i < settings_.size(); ++i) {
    const Setting& setting = *settings_[i];
    const std::string fallback = absl::StrJoin(setting.format(), ",");
    CLI::Option* const option = app.add_option(
        "--" + setting.name, values[i],
        absl::StrCat(setting.help, " ",
                     setting.Notes(fallback.empty()
                                       ? ""
                                       : absl::StrCat("default ", fallback))));
    option->type_name(setting.type)->expected(0, 1);
    option->multi_option_policy(setting.is_list
                                    ? CLI::MultiOptionPolicy::TakeAll
                                    : CLI::MultiOptionPolicy::Throw);
    options.push_back(option);
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
  if (print_example) {
    out << ToExample();
    return ParsedCommand::kExit;
  }
  for (size_t i = 0; i < options.size(); ++i) {
    if (options[i]->count() == 0) continue;
    // "--name=" says that the value is empty.
    if (values[i].empty()) values[i].emplace_back();
    settings_[i]->flag = std::move(values[i]);
  }
  RETURN_IF_ERROR(ReadSources());
  if (print) {
    out << ToYaml();
    return ParsedCommand::kExit;
  }
  return ParsedCommand::kRun;
}

}  // namespace cairn
