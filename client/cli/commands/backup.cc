#include "client/cli/commands/backup.h"

#include <unistd.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/backup/backup_run.h"
#include "client/cli/commands/changes.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/render/format.h"
#include "client/cli/render/progress.h"
#include "client/cli/snapshot_argument.h"
#include "common/compression/zstd.h"
#include "common/config/version.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string group;
  std::vector<std::string> archives;
  std::string notes;
  std::string backup_time;
  std::vector<std::string> exclude;
  bool all_file_systems = false;
  std::string way = "best";
  int zstd_level = kDefaultZstdLevel;
  ChangesArguments changes;
  bool resume = false;
  std::string state_file;
  std::string retry_for = "5m";
  std::optional<std::string> rate;
};

std::string ClientLabel() {
  char host[256] = "";
  gethostname(host, sizeof(host) - 1);
  return absl::StrCat("host ", host, ", cairn ", kVersion);
}

// Where state files are kept; empty: nowhere.
std::string StateDirectory(const GetEnvironment& environment) {
  const std::string state = environment("XDG_STATE_HOME").value_or("");
  if (absl::StartsWith(state, "/")) return absl::StrCat(state, "/cairn");
  const std::string home = environment("HOME").value_or("");
  return home.empty() ? "" : absl::StrCat(home, "/.local/state/cairn");
}

absl::StatusOr<ResumeOptions> MakeResume(const Arguments& arguments,
                                         CommandContext& context) {
  ASSIGN_OR_RETURN(const Settings settings, context.settings());
  ResumeOptions resume;
  resume.resume = arguments.resume;
  resume.server = settings.server;
  resume.state_file = arguments.state_file;
  resume.state_directory = StateDirectory(context.console().environment);
  return resume;
}

absl::StatusOr<BackupRequest> MakeRequest(const Arguments& arguments,
                                          CommandContext& context) {
  BackupRequest request;
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(request.group, ParseGroupArgument(arguments.group, scope));
  for (const std::string& text : arguments.archives) {
    ASSIGN_OR_RETURN(ArchiveSpec spec, ArchiveSpec::Parse(text));
    request.archives.push_back(std::move(spec));
  }
  if (!arguments.backup_time.empty()) {
    absl::Time time;
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, arguments.backup_time, &time,
                         &error)) {
      return absl::InvalidArgumentError(
          absl::StrCat("--backup-time ", arguments.backup_time, ": ", error,
                       "; allowed is RFC 3339, such as 2026-11-21T20:39:45Z"));
    }
    request.backup_time = absl::ToUnixSeconds(time);
    if (absl::FromUnixSeconds(*request.backup_time) != time) {
      return absl::InvalidArgumentError(
          absl::StrCat("--backup-time ", arguments.backup_time,
                       ": snapshots have whole seconds"));
    }
  }
  request.notes = arguments.notes;
  request.client_label = ClientLabel();
  request.exclude = arguments.exclude;
  request.all_file_systems = arguments.all_file_systems;
  ASSIGN_OR_RETURN(request.resume, MakeResume(arguments, context));
  request.zstd_level = arguments.zstd_level;
  if (arguments.way == "chunks") request.way = BackupWay::kChunks;
  if (arguments.way == "stream") request.way = BackupWay::kStream;
  return request;
}

void PrintText(const BackupReport& report, const ProblemLog& problems,
               absl::Duration elapsed, int retries, CommandContext& context) {
  std::ostream& out = context.out();
  uint64_t sent_bytes = 0;
  out << "snapshot " << Printable(report.snapshot.name()) << "\n";
  for (const BackupReport::ArchiveReport& archive : report.archives) {
    out << "  " << archive.spec.name << ": "
        << FormatBytes(archive.sent.size_bytes);
    if (archive.sent.statistics.has_value()) {
      const auto& statistics = *archive.sent.statistics;
      out << ", new " << FormatBytes(statistics.new_plain_bytes())
          << ", stored as " << FormatBytes(statistics.stored_bytes());
    }
    if (archive.sent.reused_bytes > 0) {
      out << ", reused " << FormatBytes(archive.sent.reused_bytes);
    }
    out << ", sent " << FormatBytes(archive.sent.sent_bytes) << "\n";
    sent_bytes += archive.sent.sent_bytes;
  }
  out << FormatBytes(report.snapshot.size_bytes()) << " in "
      << FormatSpan(elapsed) << ", " << FormatBytes(sent_bytes) << " sent, "
      << FormatBytes(report.snapshot.stored_bytes()) << " stored";
  if (retries > 0) out << ", " << retries << " retries";
  out << "\n";
  PrintProblems(problems, *context.console().err);
}

void PrintJson(const BackupRequest& request, const BackupReport& report,
               const ProblemLog& problems, absl::Duration elapsed, int retries,
               CommandContext& context) {
  Json archives = Json::array();
  for (const BackupReport::ArchiveReport& archive : report.archives) {
    archives.push_back({{"name", archive.spec.name},
                        {"source", archive.spec.path},
                        {"base", IsWrittenAsChanges(archive.spec, request)
                                     ? Json(request.changes.base->ToString())
                                     : Json(nullptr)},
                        {"size_bytes", archive.sent.size_bytes},
                        {"read_bytes", archive.sent.read_bytes},
                        {"sent_bytes", archive.sent.sent_bytes},
                        {"reused_bytes", archive.sent.reused_bytes},
                        {"statistics", archive.sent.statistics.has_value()
                                           ? ToJson(*archive.sent.statistics)
                                           : Json(nullptr)}});
  }
  const Json document = {{"snapshot", ToJson(report.snapshot)},
                         {"archives", std::move(archives)},
                         {"resumed", report.resumed},
                         {"duration_seconds", absl::ToDoubleSeconds(elapsed)},
                         {"retries", retries},
                         {"problem_count", problems.count()},
                         {"problems", ProblemsToJson(problems)}};
  context.out() << Print(document);
}

absl::StatusOr<ExitCode> RunBackup(const Arguments& arguments,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(BackupRequest request, MakeRequest(arguments, context));
  ASSIGN_OR_RETURN(const absl::Duration retry_for,
                   ParseRetryFor(arguments.retry_for));
  RETURN_IF_ERROR(ApplyRate(arguments.rate, context));
  ASSIGN_OR_RETURN(BackupRemote* const remote, context.backup());
  const Console& console = context.console();
  ProgressLine line(
      {.terminal = console.err_is_terminal, .quiet = context.quiet()},
      console.err, console.clock);
  RetryBudget budget = MakeRetryBudget(context, retry_for, &line);
  ProblemLog problems;
  const ProgressListener listener = [&line](const TransferProgress& progress) {
    line.Update(progress);
  };
  const NoticeListener notice = [&line](const std::string& text) {
    line.Note(absl::StrCat("cairn: ", Printable(text)));
  };
  RETURN_IF_ERROR(
      AddChanges(arguments.changes, context, budget, notice, &request));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPoolExecutor> workers,
                   MakeWorkers());
  BackupRun run({.remote = remote,
                 .catalog = catalog,
                 .executor = workers.get(),
                 .budget = &budget,
                 .interrupt = console.interrupt,
                 .problems = &problems,
                 .progress = &listener,
                 .notice = &notice,
                 .stdin_fd = console.stdin_fd},
                context.random());
  const absl::Duration started = console.clock->Monotonic();
  const absl::StatusOr<BackupReport> report = run.Run(request);
  line.Clear();
  if (!report.ok()) {
    PrintProblems(problems, *console.err);
    return report.status();
  }
  const absl::Duration elapsed = console.clock->Monotonic() - started;
  if (context.json()) {
    PrintJson(request, *report, problems, elapsed, budget.retries(), context);
  } else {
    PrintText(*report, problems, elapsed, budget.retries(), context);
  }
  return problems.count() > 0 ? kExitSourceProblems : kExitOk;
}

}  // namespace

void AddBackupCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = AddCommand(
      root, "backup",
      "Back up files, devices, directories or stdin as one new snapshot",
      "cairn backup host/web1 root.tar:/ --exclude /var/cache --notes nightly\n"
      "cairn backup vm/100 disk0.img:/dev/vg0/vm100 config.blob:/etc/vm/100\n"
      "pg_dumpall | cairn backup host/db1 dump.raw:-\n"
      "cairn backup vm/100 disk0.img:/dev/vg0/vm100 --resume\n"
      "cairn backup vm/100 disk0.img:/dev/vg0/vm100 --base vm/100/latest "
      "--changed-ranges dirty.txt\n"
      "rbd export-diff --from-snap A vms/100@B - | cairn backup vm/100 "
      "disk0.img:- --base vm/100/latest");
  command
      ->add_option("GROUP", arguments->group,
                   "whose snapshot: host/ID, vm/ID or ct/ID")
      ->required();
  command
      ->add_option(
          "ARCHIVE", arguments->archives,
          "NAME.img:PATH (file or device; with --base PATH - is a diff "
          "on stdin, in the format of `rbd export-diff`), "
          "NAME.raw:PATH (stream; PATH - is stdin), NAME.blob:PATH "
          "(small file), NAME.tar:DIRECTORY")
      ->required();
  command->add_option("--notes", arguments->notes,
                      "text kept with the snapshot");
  command->add_option("--backup-time", arguments->backup_time,
                      "time of the snapshot, RFC 3339 (default: now, by the "
                      "server's clock)");
  command
      ->add_option("--exclude", arguments->exclude,
                   "leave out of .tar what matches: a name such as *.tmp, or "
                   "a path such as /var/cache; may be repeated")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_flag("--all-file-systems", arguments->all_file_systems,
                    "let .tar cross into other mounted file systems");
  command
      ->add_option(
          "--way", arguments->way,
          "chunks: cut, hashed and compressed by this process, and what the "
          "group's newest snapshot has is named instead of sent, so that "
          "little travels; stream: sent raw, the server does the work, for a "
          "machine that is weaker than its network; best (default): chunks "
          "if the server takes them. The snapshot is the same")
      ->check(CLI::IsMember({"best", "chunks", "stream"}));
  command
      ->add_option("--zstd-level", arguments->zstd_level,
                   absl::StrCat("how hard to compress what is sent as chunks, ",
                                kMinZstdLevel, " (fast) to ", kMaxZstdLevel,
                                " (small, slow); default ", kDefaultZstdLevel,
                                ". What is known already keeps its form"))
      ->check(CLI::Range(kMinZstdLevel, kMaxZstdLevel));
  AddChangesOptions(command, &arguments->changes);
  command->add_flag(
      "--resume", arguments->resume,
      "go on with this backup after its process was killed: files and devices "
      "from where they are durable, other archives if they are whole or not "
      "yet begun. Needs the same arguments, and files that were not written "
      "since; a session that is gone is told, and a new one starts");
  command->add_option("--state-file", arguments->state_file,
                      "file that --resume needs, kept while the backup runs; "
                      "with one that is named it also goes on through another "
                      "--server of the suite (default: one for each backup "
                      "and server, below $XDG_STATE_HOME/cairn or "
                      "~/.local/state/cairn)");
  command->add_option("--retry-for", arguments->retry_for,
                      "keep trying this long while the server is away "
                      "(default 5m)");
  AddRateOption(command, &arguments->rate);
  command->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunBackup(*arguments, context);
    };
  });
}

}  // namespace cairn::client
