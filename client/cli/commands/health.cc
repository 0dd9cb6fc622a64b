#include "client/cli/commands/health.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/local_health.h"
#include "client/cli/render/format.h"
#include "client/cli/span.h"
#include "client/remote/grpc_health.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct HealthOptions {
  bool local = false;
  std::string service = "readiness";
  std::string timeout = "5s";
};

absl::StatusOr<ConnectionOptions> WhomToAsk(CommandContext& context,
                                            bool local) {
  if (local) {
    ASSIGN_OR_RETURN(std::string server,
                     LocalHealthAddress(context.console().environment));
    // Health alone is told in plaintext, whatever else the server does.
    return ConnectionOptions{.server = std::move(server)};
  }
  ASSIGN_OR_RETURN(const Settings found, context.settings());
  return ConnectionOptions{.server = found.server,
                           .tls_ca_file = found.tls_ca,
                           .tls_cert_file = found.tls_cert,
                           .tls_key_file = found.tls_key};
}

// One that is not reached does not serve, which is what was asked.
bool MeansNotServing(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status);
}

absl::StatusOr<ExitCode> RunHealth(const HealthOptions& asked,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(const int64_t seconds,
                   ParseSpan(asked.timeout, "--timeout"));
  if (seconds < 1) {
    return absl::InvalidArgumentError("--timeout is 0, at least 1s is allowed");
  }
  ASSIGN_OR_RETURN(const ConnectionOptions options,
                   WhomToAsk(context, asked.local));
  const absl::StatusOr<bool> answer =
      AskHealthByGrpc(options, asked.service, absl::Seconds(seconds),
                      *context.console().clock, context.console().interrupt);
  if (absl::IsNotFound(answer.status())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "server ", options.server, " tells no health of \"", asked.service,
        "\"; it has liveness, readiness and its services' names"));
  }
  if (!answer.ok() && !MeansNotServing(answer.status())) {
    return answer.status();
  }
  const bool serving = answer.ok() && *answer;
  const std::string problem(answer.ok() ? absl::string_view()
                                        : answer.status().message());
  if (context.json()) {
    context.out() << Print({{"server", options.server},
                            {"service", asked.service},
                            {"serving", serving},
                            {"problem", TextOrNull(problem)}});
  } else {
    context.out() << options.server << " " << Printable(asked.service) << ": "
                  << (serving ? "serving" : "NOT serving")
                  << (problem.empty() ? "" : ": ") << Printable(problem)
                  << "\n";
  }
  return serving ? kExitOk : kExitError;
}

}  // namespace

void AddHealthCommand(CLI::App* root, Action* chosen) {
  const auto options = std::make_shared<HealthOptions>();
  CLI::App* command = AddCommand(
      root, "health",
      "Ask a server by grpc.health.v1 whether it serves (exit code 0 if it "
      "does, 1 if it does not or is not reached), for containers and probes",
      "cairn health --local\n"
      "cairn health --server unix:/run/cairn/index.sock --service liveness");
  command->add_flag(
      "--local", options->local,
      "ask the server of this container or machine, in plaintext: at "
      "CAIRN_HEALTH_LISTEN, else at health-listen in the file CAIRN_CONFIG, "
      "else at unix:/run/cairn/cairnd.sock if it is there, else at "
      "127.0.0.1:9450");
  command->add_option(
      "--service", options->service,
      "liveness: the process serves; readiness: so do those that it needs; or "
      "one of its services: ingest, index, ... (default: readiness)");
  command->add_option("--timeout", options->timeout,
                      "how long the answer may take (default: 5s)");
  command->callback([options, chosen] {
    *chosen = [options](CommandContext& context) {
      return RunHealth(*options, context);
    };
  });
}

}  // namespace cairn::client
