#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace cairn {

// A number of bytes as people write it: "262144", "256KiB", "64MiB", "1GiB".
// InvalidArgument: anything else, or above 2^63 - 1.
absl::StatusOr<uint64_t> ParseByteSize(std::string_view text);
std::string FormatByteSize(uint64_t bytes);  // the shortest exact form

// What ParseArgs found besides settings.
enum class ParsedCommand {
  kRun,   // start the program
  kExit,  // help, version, printed or checked configuration: exit with 0
};

// When a process that runs takes a changed setting over.
enum class TakesEffect {
  kRestart,
  kReload,  // when the process is told to reload, too
};

// What a reload came to, by the names of settings.
struct SettingChanges {
  std::vector<std::string> taken;
  // Changed, but kept as they were until the process is started again.
  std::vector<std::string> need_restart;
};

// The settings of a process, each defined once and read from a flag
// (--data-dir=X), the environment (CAIRN_DATA_DIR=X) or a YAML file
// (data-dir: X in the file that --config names), in that precedence, over the
// default that its field holds when it is added. Adds --config,
// --print-config (YAML that can be fed back), --print-example-config (a file
// that explains every setting, with its default commented out),
// --check-config, --help and --version.
//
// Names are [a-z][a-z0-9-]*, and adding one twice is a CHECK failure. Fields
// must outlive the Settings. Not thread-safe.
class Settings {
 public:
  // `program` and `version` for --help and --version, `purpose` one line.
  Settings(std::string program, std::string purpose, std::string version);
  ~Settings();

  void Add(const std::string& name, std::string* field, const std::string& help,
           TakesEffect effect = TakesEffect::kRestart);
  void Add(const std::string& name, bool* field, const std::string& help,
           TakesEffect effect = TakesEffect::kRestart);
  // Allowed: `min` to `max`, both included.
  void Add(const std::string& name, int64_t* field, int64_t min, int64_t max,
           const std::string& help, TakesEffect effect = TakesEffect::kRestart);
  // A duration as absl::ParseDuration reads it ("30s", "1h30m").
  void Add(const std::string& name, absl::Duration* field, absl::Duration min,
           absl::Duration max, const std::string& help,
           TakesEffect effect = TakesEffect::kRestart);
  // A number of bytes (ParseByteSize).
  void AddBytes(const std::string& name, uint64_t* field, uint64_t min,
                uint64_t max, const std::string& help,
                TakesEffect effect = TakesEffect::kRestart);
  // Several values: the flag repeated, or one with commas; in the
  // environment with commas; in YAML a list or one value. An empty value is
  // an empty list.
  void Add(const std::string& name, std::vector<std::string>* field,
           const std::string& help, TakesEffect effect = TakesEffect::kRestart);
  // A path of a file with a secret: --print-config shows the path only. A
  // secret itself is never a setting.

  // Put below the settings by --help.
  void set_footer(std::string footer) { footer_ = std::move(footer); }

  // Reads flags, environment and file into the fields and writes what
  // --help, --version, --print-config ask for to `out`.
  // InvalidArgument names the setting, where the value came from (flag,
  // environment, file:line), what was found and what is allowed.
  absl::StatusOr<ParsedCommand> Parse(int argc, const char* const* argv,
                                      std::ostream& out);

  // After a Parse that gave kRun: reads the file again, with the flags and the
  // environment of then, into the fields. A field whose setting takes effect
  // at a restart only keeps its value. After an error, which is one of Parse,
  // of `validate` or of `apply`, all fields are as they were. `validate` looks
  // at the fields; `apply`, which comes last, takes them over.
  absl::StatusOr<SettingChanges> Reload(
      const std::function<absl::Status()>& validate,
      const std::function<absl::Status()>& apply = nullptr);

  // Asked for with --check-config: the caller validates its options and
  // exits. kRun is returned so that it gets there.
  bool check_only() const { return check_only_; }

  // Variables of the environment that begin with CAIRN_ and are neither a
  // setting here, nor one of the client, nor what Kubernetes sets for a
  // Service: most likely misspelt.
  std::vector<std::string> UnknownVariables() const;

  // All settings as YAML, with their help as comments.
  std::string ToYaml() const;

 private:
  struct Setting;

  template <typename T>
  void AddSetting(
      const std::string& name, T* field, const std::string& help,
      TakesEffect effect, const std::string& type, const std::string& allowed,
      std::function<absl::Status(const std::vector<std::string>&)> parse,
      std::function<std::vector<std::string>()> format);
  absl::Status Assign(const Setting& setting,
                      const std::vector<std::string>& values,
                      const std::string& source);
  // The sources in their precedence.
  absl::Status ReadSources();
  absl::Status ReadFlags();
  absl::Status ReadEnvironment();
  absl::Status ReadFile(const std::string& path);
  absl::StatusOr<SettingChanges> TryReload(
      const std::function<absl::Status()>& validate);
  std::string ToYaml(std::string_view before_names) const;
  std::string ToExample() const;

  const std::string program_;
  const std::string purpose_;
  const std::string version_;
  std::string footer_;
  std::vector<std::unique_ptr<Setting>> settings_;
  bool check_only_ = false;
  std::string config_;  // path of the file, or empty
};

}  // namespace cairn
