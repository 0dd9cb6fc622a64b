#include "client/cli/settings.h"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <array>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/posix/local_file.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr size_t kMaxProfileFileBytes = 1024 * 1024;

using Field = std::optional<std::string> SettingSource::*;

struct Key {
  const char* name;         // in a profile
  const char* environment;  // variable
  Field field;
};

constexpr std::array<Key, 9> kKeys = {{
    {"server", "CAIRN_SERVER", &SettingSource::server},
    {"maintenance_server", "CAIRN_MAINTENANCE_SERVER",
     &SettingSource::maintenance_server},
    {"tls_ca", "CAIRN_TLS_CA", &SettingSource::tls_ca},
    {"tls_cert", "CAIRN_TLS_CERT", &SettingSource::tls_cert},
    {"tls_key", "CAIRN_TLS_KEY", &SettingSource::tls_key},
    {"token_file", "CAIRN_TOKEN_FILE", &SettingSource::token_file},
    {"datastore", "CAIRN_DATASTORE", &SettingSource::datastore},
    {"namespace", "CAIRN_NAMESPACE", &SettingSource::name_space},
    {"rate", "CAIRN_RATE", &SettingSource::rate},
}};

absl::Status CopyProfile(const YAML::Node& profile, const std::string& name,
                         SettingSource* out) {
  if (!profile.IsMap()) {
    return absl::InvalidArgumentError(
        absl::StrCat("profile ", name, " is not a map of settings"));
  }
  for (const auto& item : profile) {
    const auto key = item.first.as<std::string>();
    const Key* known = nullptr;
    for (const Key& candidate : kKeys) {
      if (key == candidate.name) known = &candidate;
    }
    if (known == nullptr || !item.second.IsScalar()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "profile ", name, ": \"", key,
          "\" is no setting with one value; allowed: ",
          absl::StrJoin(kKeys, ", ",
                        [](std::string* list, const Key& known_key) {
                          absl::StrAppend(list, known_key.name);
                        })));
    }
    out->*(known->field) = item.second.as<std::string>();
  }
  return absl::OkStatus();
}

// Absolute, because a restore changes the working directory.
std::string AbsolutePath(const std::string& path) {
  if (path.empty()) return path;
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.string();
}

std::string AbsoluteServer(const std::string& server) {
  constexpr std::string_view kUnix = "unix:";
  if (!absl::StartsWith(server, kUnix)) return server;
  return absl::StrCat(kUnix, AbsolutePath(server.substr(kUnix.size())));
}

std::string DefaultServer() {
  struct stat status;
  if (stat(kDefaultSocket, &status) == 0 && S_ISSOCK(status.st_mode)) {
    return absl::StrCat("unix:", kDefaultSocket);
  }
  return kDefaultAddress;
}

std::string ProfilePath(const GetEnvironment& environment) {
  if (const auto file = environment("CAIRN_PROFILE_FILE")) return *file;
  if (const auto config = environment("XDG_CONFIG_HOME")) {
    return absl::StrCat(*config, "/cairn/profile.yaml");
  }
  const auto home = environment("HOME");
  return home ? absl::StrCat(*home, "/.config/cairn/profile.yaml") : "";
}

}  // namespace

SettingSource SettingsFromEnvironment(const GetEnvironment& environment) {
  SettingSource source;
  for (const Key& key : kKeys) {
    std::optional<std::string> value = environment(key.environment);
    if (value.has_value() && !value->empty()) {
      source.*(key.field) = *std::move(value);
    }
  }
  return source;
}

absl::StatusOr<SettingSource> ParseProfile(const std::string& yaml,
                                           const std::string& name) {
  SettingSource source;
  try {
    const YAML::Node file = YAML::Load(yaml);
    if (!file.IsMap()) {
      return absl::InvalidArgumentError(
          "the profile file is not a map of profiles");
    }
    const YAML::Node profile = file[name];
    if (!profile.IsDefined()) {
      return absl::NotFoundError(
          absl::StrCat("no profile \"", name, "\" in the profile file"));
    }
    RETURN_IF_ERROR(CopyProfile(profile, name, &source));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(
        absl::StrCat("the profile file is not YAML: ", error.what()));
  }
  return source;
}

absl::StatusOr<SettingSource> LoadProfile(
    const std::optional<std::string>& flag, const GetEnvironment& environment) {
  std::optional<std::string> asked = flag;
  if (!asked.has_value()) asked = environment("CAIRN_PROFILE");
  if (asked.has_value() && asked->empty()) asked.reset();
  const std::string path = ProfilePath(environment);
  const absl::StatusOr<LocalFile> file = LocalFile::Open(path);
  if (!file.ok()) {
    if (asked.has_value() || !absl::IsNotFound(file.status())) {
      return file.status();
    }
    return SettingSource{};
  }
  ASSIGN_OR_RETURN(const std::string text,
                   file->Read(0, kMaxProfileFileBytes + 1));
  if (text.size() > kMaxProfileFileBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is longer than ", kMaxProfileFileBytes, " bytes"));
  }
  absl::StatusOr<SettingSource> profile =
      ParseProfile(text, asked.value_or("default"));
  if (absl::IsNotFound(profile.status()) && !asked.has_value()) {
    return SettingSource{};
  }
  if (!profile.ok()) {
    return absl::Status(profile.status().code(),
                        absl::StrCat(path, ": ", profile.status().message()));
  }
  return profile;
}

Settings MergeSettings(const SettingSource& flags,
                       const SettingSource& environment,
                       const SettingSource& profile) {
  const auto pick = [&](Field field) -> std::optional<std::string> {
    if ((flags.*field).has_value()) return flags.*field;
    if ((environment.*field).has_value()) return environment.*field;
    return profile.*field;
  };
  Settings settings;
  const std::optional<std::string> server = pick(&SettingSource::server);
  settings.server = server ? AbsoluteServer(*server) : DefaultServer();
  settings.server_was_named = server.has_value();
  settings.maintenance_server = settings.server;
  for (const SettingSource* source : {&flags, &environment, &profile}) {
    if (source->maintenance_server.has_value()) {
      settings.maintenance_server = AbsoluteServer(*source->maintenance_server);
      break;
    }
    if (source->server.has_value()) break;
  }
  std::optional<std::string> token_file =
      flags.token_file ? flags.token_file : environment.token_file;
  if (!token_file && !flags.server && !environment.server) {
    token_file = profile.token_file;
  }
  settings.token_file = AbsolutePath(token_file.value_or(""));
  settings.tls_ca = AbsolutePath(pick(&SettingSource::tls_ca).value_or(""));
  settings.tls_cert = AbsolutePath(pick(&SettingSource::tls_cert).value_or(""));
  settings.tls_key = AbsolutePath(pick(&SettingSource::tls_key).value_or(""));
  settings.datastore =
      pick(&SettingSource::datastore).value_or(kDefaultDatastore);
  settings.name_space = pick(&SettingSource::name_space).value_or("");
  settings.rate = pick(&SettingSource::rate).value_or("");
  return settings;
}

}  // namespace cairn::client
