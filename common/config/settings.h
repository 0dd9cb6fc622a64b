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

// The settings of a process, each defined once and read from a flag
// (--data-dir=X), the environment (CAIRN_DATA_DIR=X) or a YAML file
// (data-dir: X in the file that --config names), in that precedence, over the
// default that its field holds when it is added. Adds --config,
// --print-config (YAML that can be fed back; secrets masked), --check-config,
// --help and --version.
//
// Names are [a-z][a-z0-9-]*, and adding one twice is a CHECK failure. Fields
// must outlive the Settings. Not thread-safe.
class Settings {
 public:
  // `program` and `version` for --help and --version, `purpose` one line.
  Settings(std::string program, std::string purpose, std::string version);
  ~Settings();

  void Add(const std::string& name, std::string* field,
           const std::string& help);
  void Add(const std::string& name, bool* field, const std::string& help);
  // Allowed: `min` to `max`, both included.
  void Add(const std::string& name, int64_t* field, int64_t min, int64_t max,
           const std::string& help);
  // A duration as absl::ParseDuration reads it ("30s", "1h30m").
  void Add(const std::string& name, absl::Duration* field, absl::Duration min,
           absl::Duration max, const std::string& help);
  // A number of bytes (ParseByteSize).
  void AddBytes(const std::string& name, uint64_t* field, uint64_t min,
                uint64_t max, const std::string& help);
  // Several values: the flag repeated, or one with commas; in the
  // environment with commas; in YAML a list or one value. An empty value is
  // an empty list.
  void Add(const std::string& name, std::vector<std::string>* field,
           const std::string& help);
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

  // Asked for with --check-config: the caller validates its options and
  // exits. kRun is returned so that it gets there.
  bool check_only() const { return check_only_; }

  // All settings as YAML, with their help as comments.
  std::string ToYaml() const;

 private:
  struct Setting;

  void AddSetting(
      const std::string& name, const std::string& help, const std::string& type,
      bool is_list,
      std::function<absl::Status(const std::vector<std::string>&)> parse,
      std::function<std::vector<std::string>()> format);
  absl::Status Assign(const Setting& setting,
                      const std::vector<std::string>& values,
                      const std::string& source);
  absl::Status ReadEnvironment();
  absl::Status ReadFile(const std::string& path);

  const std::string program_;
  const std::string purpose_;
  const std::string version_;
  std::string footer_;
  std::vector<std::unique_ptr<Setting>> settings_;
  bool check_only_ = false;
};

}  // namespace cairn
