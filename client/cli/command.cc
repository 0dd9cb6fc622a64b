#include "client/cli/command.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/maintenance/task_reasons.h"
#include "client/posix/secret_file.h"
#include "client/remote/grpc_maintenance_remote.h"
#include "client/remote/grpc_token_remote.h"
#include "client/remote/rate_limiter.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/token/token_text.h"

namespace cairn::client {

namespace {

// The token in a file; no error shows any of it.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path) {
  ASSIGN_OR_RETURN(std::string text, ReadSecretFile(path, kTokenTextChars));
  if (ParseTokenText(text).has_value()) return text;
  return absl::InvalidArgumentError(absl::StrCat(
      path, " holds no token: one is a line \"cairn_...\" of ", kTokenTextChars,
      " characters, as `cairn token create` prints it"));
}

}  // namespace

CommandContext::CommandContext(const Console& console, const GlobalFlags& flags,
                               absl::BitGenRef random)
    : console_(console), flags_(flags), random_(random) {}

CommandContext::~CommandContext() = default;

absl::StatusOr<Settings> CommandContext::settings() {
  if (!settings_.has_value()) {
    ASSIGN_OR_RETURN(const SettingSource profile,
                     LoadProfile(flags_.profile, console_.environment));
    settings_ =
        MergeSettings(flags_.settings,
                      SettingsFromEnvironment(console_.environment), profile);
  }
  return *settings_;
}

absl::StatusOr<NamespaceName> CommandContext::scope() {
  ASSIGN_OR_RETURN(const Settings found, settings());
  RETURN_IF_ERROR(ValidateDatastoreId(found.datastore));
  ASSIGN_OR_RETURN(NamespacePath path, NamespacePath::Parse(found.name_space));
  return NamespaceName{.datastore = found.datastore, .path = std::move(path)};
}

void CommandContext::LimitRate(uint64_t bytes_per_second) {
  const Interrupt* const interrupt = console_.interrupt;
  limiter_ = std::make_unique<RateLimiter>(
      bytes_per_second, console_.clock,
      [interrupt](absl::Duration wait) { interrupt->Sleep(wait); });
}

std::string CommandContext::trace_id() const {
  return trace_.has_value() ? trace_->trace_id : "";
}

absl::StatusOr<ConnectionOptions> CommandContext::Connection(
    const std::string& server) {
  if (!trace_.has_value()) {
    // Whoever calls this program may have a request already.
    trace_ = ParseTraceParent(
        console_.environment("TRACEPARENT").value_or(std::string()));
    if (!trace_.has_value()) trace_ = NewTrace();
  }
  ConnectionOptions options = {.server = server,
                               .tls_ca_file = settings_->tls_ca,
                               .tls_cert_file = settings_->tls_cert,
                               .tls_key_file = settings_->tls_key,
                               .limiter = limiter_.get(),
                               .trace_parent = ToTraceParent(*trace_)};
  if (settings_->token_file.empty()) return options;
  ASSIGN_OR_RETURN(options.bearer_token, ReadTokenFile(settings_->token_file));
  return options;
}

absl::Status CommandContext::Connect() {
  if (remotes_.has_value()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const Settings found, settings());
  ASSIGN_OR_RETURN(const ConnectionOptions options, Connection(found.server));
  ASSIGN_OR_RETURN(remotes_,
                   ConnectByGrpc(options, console_.clock, console_.interrupt));
  return absl::OkStatus();
}

absl::StatusOr<CatalogRemote*> CommandContext::catalog() {
  RETURN_IF_ERROR(Connect());
  return remotes_->catalog.get();
}

absl::StatusOr<BackupRemote*> CommandContext::backup() {
  RETURN_IF_ERROR(Connect());
  return remotes_->backup.get();
}

absl::StatusOr<MaintenanceRemote*> CommandContext::maintenance() {
  if (maintenance_ == nullptr) {
    ASSIGN_OR_RETURN(const Settings found, settings());
    ASSIGN_OR_RETURN(const ConnectionOptions options,
                     Connection(found.maintenance_server));
    ASSIGN_OR_RETURN(
        maintenance_,
        ConnectMaintenanceByGrpc(options, console_.clock, console_.interrupt));
  }
  return maintenance_.get();
}

absl::StatusOr<TokenRemote*> CommandContext::tokens() {
  if (tokens_ == nullptr) {
    ASSIGN_OR_RETURN(const Settings found, settings());
    ASSIGN_OR_RETURN(const ConnectionOptions options,
                     Connection(found.maintenance_server));
    ASSIGN_OR_RETURN(tokens_, ConnectTokensByGrpc(options, console_.clock,
                                                  console_.interrupt));
  }
  return tokens_.get();
}

absl::Status CommandContext::Explain(const absl::Status& error) {
  const absl::StatusOr<Settings> found = settings();
  if (!found.ok()) return error;
  const bool asks_maintenance = maintenance_ != nullptr || tokens_ != nullptr;
  const std::string& server =
      asks_maintenance ? found->maintenance_server : found->server;
  if (asks_maintenance && absl::IsUnimplemented(error)) {
    return WithReason(
        absl::FailedPreconditionError(absl::StrCat(
            "server ", server,
            " does not serve tasks, jobs and tokens; cairnd does, and of four "
            "services maintenance")),
        kNoMaintenance);
  }
  if (ExitCodeOf(error) != kExitUnreachable) return error;
  return WithContext(error, absl::StrCat("server ", server));
}

CLI::App* AddCommand(CLI::App* parent, const std::string& name,
                     const std::string& description,
                     const std::string& example) {
  CLI::App* command = parent->add_subcommand(name, description);
  command->footer("Example:\n  " +
                  absl::StrReplaceAll(example, {{"\n", "\n  "}}) +
                  "\n\nOptions that every command takes, and exit codes: "
                  "cairn --help");
  return command;
}

}  // namespace cairn::client
