#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/cli/exit_code.h"
#include "client/cli/render/json.h"
#include "client/cli/settings.h"
#include "client/posix/interrupt.h"
#include "client/remote/grpc_connection.h"
#include "client/remote/maintenance_remote.h"
#include "client/remote/token_remote.h"
#include "common/model/names.h"
#include "common/time/clock.h"
#include "common/trace/trace_context.h"

namespace cairn::client {

// What surrounds a run of the program; all outlives it.
struct Console {
  std::ostream* out = nullptr;
  std::ostream* err = nullptr;
  bool err_is_terminal = false;
  int stdin_fd = 0;
  int stdout_fd = 1;
  GetEnvironment environment;
  const Clock* clock = nullptr;
  Interrupt* interrupt = nullptr;
};

// Flags that every command takes.
struct GlobalFlags {
  SettingSource settings;
  std::optional<std::string> profile;
  std::string output_format = "text";
  bool quiet = false;
};

// What a command runs with.
class CommandContext {
 public:
  // All outlive the context.
  CommandContext(const Console& console, const GlobalFlags& flags,
                 absl::BitGenRef random);
  ~CommandContext();

  const Console& console() const { return console_; }
  // Where results go: stdout, or stderr if stdout carries data.
  std::ostream& out() {
    return stdout_carries_data_ ? *console_.err : *console_.out;
  }
  // From here on stdout is for restored bytes alone.
  void KeepStdoutForData() { stdout_carries_data_ = true; }
  bool json() const { return flags_.output_format == "json"; }
  bool quiet() const { return flags_.quiet; }
  absl::BitGenRef random() { return random_; }

  // Flags, environment and profile, read at the first call.
  absl::StatusOr<Settings> settings();
  // The namespace that --datastore and --namespace name.
  absl::StatusOr<NamespaceName> scope();
  // Holds the streams of contents to so many bytes a second. Once, before
  // the first call of what follows.
  void LimitRate(uint64_t bytes_per_second);
  // The server's calls; the connection is made at the first one.
  absl::StatusOr<CatalogRemote*> catalog();
  absl::StatusOr<BackupRemote*> backup();
  absl::StatusOr<MaintenanceRemote*> maintenance();
  absl::StatusOr<TokenRemote*> tokens();

  // What the document of an error carries besides the error, for scripts.
  Json& error_document() { return error_document_; }
  // `error` as it is told: one about the way to a server names the server that
  // was asked, and maintenance that is not there how to say where it is.
  absl::Status Explain(const absl::Status& error);
  // Under which id the servers' logs have the calls of this command; empty
  // while it has asked none.
  std::string trace_id() const;

 private:
  absl::Status Connect();
  // Reads the token file, where there is one.
  absl::StatusOr<ConnectionOptions> Connection(const std::string& server);

  const Console& console_;
  const GlobalFlags& flags_;
  absl::BitGenRef random_;
  bool stdout_carries_data_ = false;
  std::optional<TraceContext> trace_;  // set by the first connection
  std::optional<Settings> settings_;
  std::unique_ptr<RateLimiter> limiter_;
  std::optional<Remotes> remotes_;
  std::unique_ptr<MaintenanceRemote> maintenance_;
  std::unique_ptr<TokenRemote> tokens_;
  Json error_document_ = Json::object();
};

// A command that was parsed and is to be run. Renders its own result.
using Action = std::function<absl::StatusOr<ExitCode>(CommandContext&)>;

// Longest lists that a command reads: pages of kPageSize.
inline constexpr uint32_t kPageSize = 1000;
inline constexpr int kMaxPages = 10000;

// Calls `fetch(page_token)` until the answer has no next page, and `take` with
// each answer. ResourceExhausted: more than kMaxPages.
template <typename Fetch, typename Take>
absl::Status ForEachPage(Fetch fetch, Take take) {
  std::string token;
  for (int page = 0; page < kMaxPages; ++page) {
    auto response = fetch(token);
    if (!response.ok()) return response.status();
    take(*response);
    token = response->next_page_token();
    if (token.empty()) return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(
      "the list is longer than 10000 pages; ask for a part of it, with "
      "--namespace or a group");
}

// A subcommand with its texts. `example` is one line or several.
CLI::App* AddCommand(CLI::App* parent, const std::string& name,
                     const std::string& description,
                     const std::string& example);

}  // namespace cairn::client
