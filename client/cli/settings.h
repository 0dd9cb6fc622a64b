#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"

namespace cairn::client {

// What can be said about a server by flag, environment or profile. Unset: not
// said there.
struct SettingSource {
  std::optional<std::string> server;
  std::optional<std::string> maintenance_server;
  std::optional<std::string> tls_ca;
  std::optional<std::string> tls_cert;
  std::optional<std::string> tls_key;
  std::optional<std::string> token_file;
  std::optional<std::string> datastore;
  std::optional<std::string> name_space;
  std::optional<std::string> rate;
};

// What a command works with. Paths are absolute.
struct Settings {
  std::string server;
  // Where tasks and jobs are served: cairnd serves them itself, four services
  // have an address for it.
  std::string maintenance_server;
  std::string tls_ca;
  std::string tls_cert;
  std::string tls_key;
  std::string token_file;  // empty: no token is shown
  std::string datastore;
  std::string name_space;  // "a/b"; empty: the root
  // Bytes a second that a backup or a restore may move, as people write it;
  // empty: no limit.
  std::string rate;
  // Whether anything named the server, or the default was taken.
  bool server_was_named = false;
};

inline constexpr char kDefaultSocket[] = "/run/cairn/cairnd.sock";
inline constexpr char kDefaultAddress[] = "127.0.0.1:9440";
inline constexpr char kDefaultDatastore[] = "default";

using GetEnvironment =
    std::function<std::optional<std::string>(const std::string& name)>;

// CAIRN_SERVER, CAIRN_MAINTENANCE_SERVER, CAIRN_TLS_CA, CAIRN_TLS_CERT,
// CAIRN_TLS_KEY, CAIRN_TOKEN_FILE, CAIRN_DATASTORE, CAIRN_NAMESPACE and
// CAIRN_RATE. An empty value counts as unset.
SettingSource SettingsFromEnvironment(const GetEnvironment& environment);

// The profile `name` of a YAML text of this form:
//
//   NAME:
//     server: backup.example.net:9440
//     maintenance_server: backup.example.net:9443
//     tls_ca: /etc/cairn/ca.pem
//     tls_cert: /etc/cairn/web1.pem
//     tls_key: /etc/cairn/web1.key
//     token_file: /etc/cairn/web1.token
//     datastore: default
//     namespace: servers/web
//     rate: 50MiB
//
// InvalidArgument: not of this form, or a key that is not known. NotFound: no
// such profile.
absl::StatusOr<SettingSource> ParseProfile(const std::string& yaml,
                                           const std::string& name);

// Reads the profile file: $CAIRN_PROFILE_FILE, else cairn/profile.yaml below
// $XDG_CONFIG_HOME or ~/.config. The profile is `flag`, else CAIRN_PROFILE,
// else "default"; that last one need not exist, nor need the file.
absl::StatusOr<SettingSource> LoadProfile(
    const std::optional<std::string>& flag, const GetEnvironment& environment);

// Flag before environment before profile before default. The default server
// is the socket kDefaultSocket if there is one, else kDefaultAddress. That of
// maintenance is the server, unless it is named by what names the server or
// goes before it: the profile of one suite says nothing of another. For the
// same reason the token of a profile is shown to its own server alone.
Settings MergeSettings(const SettingSource& flags,
                       const SettingSource& environment,
                       const SettingSource& profile);

}  // namespace cairn::client
