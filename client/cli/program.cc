#include "client/cli/program.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/change_unknown.h"
#include "client/cli/commands/backup.h"
#include "client/cli/commands/benchmark.h"
#include "client/cli/commands/completion.h"
#include "client/cli/commands/datastore.h"
#include "client/cli/commands/diff.h"
#include "client/cli/commands/extract.h"
#include "client/cli/commands/forget.h"
#include "client/cli/commands/gc.h"
#include "client/cli/commands/group.h"
#include "client/cli/commands/health.h"
#include "client/cli/commands/inspect.h"
#include "client/cli/commands/job.h"
#include "client/cli/commands/lease.h"
#include "client/cli/commands/namespace.h"
#include "client/cli/commands/prune.h"
#include "client/cli/commands/restore.h"
#include "client/cli/commands/snapshot.h"
#include "client/cli/commands/status.h"
#include "client/cli/commands/task.h"
#include "client/cli/commands/token.h"
#include "client/cli/commands/verify.h"
#include "client/cli/commands/version.h"
#include "client/cli/render/format.h"
#include "client/cli/render/json.h"
#include "client/maintenance/task_reasons.h"
#include "client/transfer/publish_unknown.h"
#include "common/status/reason.h"

namespace cairn::client {
namespace {

void AddSetting(CLI::App* app, const std::string& flag,
                std::optional<std::string>* value, const std::string& text) {
  app->add_option(flag, *value, text)->group("Options of every command");
}

void AddGlobalFlags(CLI::App* app, GlobalFlags* flags) {
  AddSetting(app, "--server", &flags->settings.server,
             "unix:/path or HOST:PORT [CAIRN_SERVER; default "
             "unix:/run/cairn/cairnd.sock if it is there, else "
             "127.0.0.1:9440]");
  AddSetting(app, "--maintenance-server", &flags->settings.maintenance_server,
             "where prune, gc, verify, task, job and token go, if it is not "
             "the server: of four services the address of maintenance "
             "[CAIRN_MAINTENANCE_SERVER]");
  AddSetting(app, "--tls-ca", &flags->settings.tls_ca,
             "PEM file of the authority to trust [CAIRN_TLS_CA]");
  AddSetting(app, "--tls-cert", &flags->settings.tls_cert,
             "PEM file of this client's certificate [CAIRN_TLS_CERT]");
  AddSetting(app, "--tls-key", &flags->settings.tls_key,
             "PEM file of its key [CAIRN_TLS_KEY]");
  AddSetting(app, "--token-file", &flags->settings.token_file,
             "file, mode 0600 or less, with the token that every call shows; "
             "over TLS --tls-ca alone is enough then [CAIRN_TOKEN_FILE]");
  AddSetting(app, "--datastore", &flags->settings.datastore,
             "datastore to work in [CAIRN_DATASTORE; default: default]");
  AddSetting(app, "--namespace", &flags->settings.name_space,
             "namespace to work in, as a/b [CAIRN_NAMESPACE; default: root]");
  AddSetting(app, "--profile", &flags->profile,
             "profile in ~/.config/cairn/profile.yaml that has the settings "
             "above [CAIRN_PROFILE]");
  app->add_option("--output-format", flags->output_format,
                  "text, or json: one document on stdout")
      ->check(CLI::IsMember({"text", "json"}))
      ->group("Options of every command");
  app->add_flag("--quiet", flags->quiet, "no progress")
      ->group("Options of every command");
}

std::string Footer() {
  return absl::StrCat(
      "A flag goes before its environment variable, that before the profile.\n"
      "TRACEPARENT (W3C) in the environment names the request that the servers "
      "log.\n"
      "\n",
      ExitCodeTable(),
      "\nExample:\n"
      "  cairn backup host/web1 root.tar:/\n"
      "  cairn snapshot list host/web1\n"
      "  cairn restore host/web1/latest root.tar /mnt/restored");
}

// "GROUP REQUIRED", not "GROUP TEXT REQUIRED".
void NamePositionalsOnly(CLI::App* app) {
  for (CLI::Option* option : app->get_options(
           [](CLI::Option* found) { return found->get_positional(); })) {
    option->type_name("");
  }
  for (CLI::App* child : app->get_subcommands([](CLI::App*) { return true; })) {
    NamePositionalsOnly(child);
  }
}

std::unique_ptr<CLI::App> MakeApp(GlobalFlags* flags, Action* chosen) {
  auto app = std::make_unique<CLI::App>(
      "cairn: deduplicating backups of files, devices and streams", "cairn");
  // Inherited by what is added below: global options may follow a command.
  app->fallthrough();
  app->require_subcommand(1);
  app->get_formatter()->column_width(28);
  AddGlobalFlags(app.get(), flags);
  AddBackupCommand(app.get(), chosen);
  AddRestoreCommand(app.get(), chosen);
  AddDiffCommand(app.get(), chosen);
  AddSnapshotCommand(app.get(), chosen);
  AddForgetCommand(app.get(), chosen);
  AddUndeleteCommand(app.get(), chosen);
  AddGroupCommand(app.get(), chosen);
  AddNamespaceCommand(app.get(), chosen);
  AddDatastoreCommand(app.get(), chosen);
  AddLeaseCommand(app.get(), chosen);
  AddPruneCommand(app.get(), chosen);
  AddGcCommand(app.get(), chosen);
  AddVerifyCommand(app.get(), chosen);
  AddTaskCommand(app.get(), chosen);
  AddJobCommand(app.get(), chosen);
  AddTokenCommand(app.get(), chosen);
  AddStatusCommand(app.get(), chosen);
  AddHealthCommand(app.get(), chosen);
  AddInspectCommand(app.get(), chosen);
  AddExtractCommand(app.get(), chosen);
  AddBenchmarkCommand(app.get(), chosen);
  AddVersionCommand(app.get(), chosen);
  AddCompletionCommand(app.get(), chosen);
  app->footer(Footer());
  NamePositionalsOnly(app.get());
  return app;
}

// Two lines for people, a third one with the id that the servers' logs have
// it under if any was asked, and on `out`, unless it is null, the document that
// scripts wait for: `document` with the error.
int PrintError(const absl::Status& error, int exit_code,
               const std::string& next, const std::string& trace_id,
               Json document, std::ostream* out, const Console& console) {
  *console.err << "cairn: " << Printable(error.message()) << "\n"
               << "next: " << next << "\n";
  if (!trace_id.empty()) *console.err << "trace: " << trace_id << "\n";
  if (out != nullptr) {
    const std::optional<Reason> reason = ReasonOf(error);
    document["error"] = {
        {"exit_code", exit_code},
        {"code", absl::StatusCodeToString(error.code())},
        {"reason", reason.has_value() ? Json(reason->code) : Json(nullptr)},
        {"message", std::string(error.message())},
        {"next", next}};
    if (!trace_id.empty()) document["error"]["trace_id"] = trace_id;
    *out << Print(document);
  }
  return exit_code;
}

// Whether an interrupt left something that goes on, or may be there.
bool SaysWhatGoesOn(const absl::Status& error) {
  return HasReason(error, kPublishUnknown) || HasReason(error, kTaskGoesOn) ||
         HasReason(error, kChangeUnknown);
}

}  // namespace

int RunProgram(const std::vector<std::string>& arguments,
               const Console& console, absl::BitGenRef random) {
  GlobalFlags flags;
  Action chosen;
  const std::unique_ptr<CLI::App> app = MakeApp(&flags, &chosen);
  try {
    // CLI11 takes them from the back.
    app->parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) {
      return app->exit(error, *console.out, *console.err);
    }
    std::string message = error.what();
    std::replace(message.begin(), message.end(), '\n', ' ');
    return PrintError(
        absl::InvalidArgumentError(message), kExitUsage,
        "see `cairn --help`, or `cairn COMMAND --help`", "", Json::object(),
        flags.output_format == "json" ? console.out : nullptr, console);
  }
  CommandContext context(console, flags, random);
  const absl::StatusOr<ExitCode> result = chosen(context);
  console.out->flush();
  std::ostream* const document = context.json() ? &context.out() : nullptr;
  if (!result.ok()) {
    absl::Status error = context.Explain(result.status());
    // An interrupt breaks off whatever was under way.
    if (console.interrupt->raised() && !SaysWhatGoesOn(error)) {
      error = absl::CancelledError("interrupted");
    }
    return PrintError(error, ExitCodeOf(error), NextStep(error),
                      context.trace_id(), context.error_document(), document,
                      console);
  }
  if (!console.out->good()) {
    *console.err << "cairn: stdout: cannot write the result\n"
                 << "next: check what reads it\n";
    return kExitLocalIo;
  }
  return *result;
}

}  // namespace cairn::client
