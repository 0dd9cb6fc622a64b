#include "client/cli/commands/benchmark.h"

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/benchmark/local_stages.h"
#include "client/benchmark/server_stages.h"
#include "client/benchmark/stage_result.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/render/format.h"
#include "client/cli/render/progress.h"
#include "client/cli/render/table.h"
#include "client/cli/snapshot_argument.h"
#include "common/config/settings.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

constexpr uint64_t kMinBytes = uint64_t{1} << 20;
// A run's bytes are made before it, in memory.
constexpr uint64_t kMaxBytes = uint64_t{1} << 30;
constexpr int kMaxRuns = 20;

constexpr char kDetails[] =
    "Here: cutting a stream by content and an image by offset, SHA-256, zstd;\n"
    "one thread each, while a backup by chunks hashes and compresses on up to\n"
    "eight. The slowest stage is what bounds a backup.\n"
    "\n"
    "With a server (--server, CAIRN_SERVER or a profile; over TLS if the\n"
    "connection is): the time to connect, and that of an answer; uploads by\n"
    "both ways of `cairn backup` until they are durable, of random bytes, "
    "which\n"
    "nothing compresses and no server has. Nothing of it is ever listed: its\n"
    "session, of a group host/benchmark-..., is aborted in the end. The "
    "chunks\n"
    "stay on the server's disk until its garbage collection: --size times\n"
    "--runs, for each of the two ways. Reads need what is listed: name it "
    "with\n"
    "--restore. No --rate is kept.\n"
    "\n";

struct Arguments {
  std::string size = "32MiB";
  int runs = BenchmarkSize().runs;
  bool local = false;
  std::vector<std::string> restore;  // empty, or SNAPSHOT and ARCHIVE
};

absl::StatusOr<BenchmarkSize> MakeSize(const Arguments& arguments) {
  const absl::StatusOr<uint64_t> bytes = ParseByteSize(arguments.size);
  if (!bytes.ok() || *bytes < kMinBytes || *bytes > kMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--size ", arguments.size, ": allowed are ", FormatByteSize(kMinBytes),
        " to ", FormatByteSize(kMaxBytes), ", such as 64MiB"));
  }
  return BenchmarkSize{.bytes = *bytes, .runs = arguments.runs};
}

double BytesPerSecond(const StageResult& stage) {
  const double seconds = absl::ToDoubleSeconds(Median(stage.runs));
  return seconds > 0 ? static_cast<double>(stage.bytes) / seconds : 0;
}

// A cut by offset looks at no byte: any number would be noise.
std::string Speed(uint64_t bytes, absl::Duration took) {
  const double least = static_cast<double>(bytes) / (uint64_t{1} << 40);
  return absl::ToDoubleSeconds(took) < least ? "above 1 TiB/s"
                                             : FormatRate(bytes, took);
}

void PrintStages(const std::vector<StageResult>& stages, std::ostream& out) {
  using Align = Table::Align;
  Table table({{"STAGE"},
               {"SPEED", Align::kRight},
               {"SLOWEST", Align::kRight},
               {"FASTEST", Align::kRight},
               {"WHAT"}});
  for (const StageResult& stage : stages) {
    const auto [fastest, slowest] =
        std::minmax_element(stage.runs.begin(), stage.runs.end());
    table.AddRow({stage.name, Speed(stage.bytes, Median(stage.runs)),
                  Speed(stage.bytes, *slowest), Speed(stage.bytes, *fastest),
                  stage.text});
  }
  table.Print(out, "nothing to measure");
}

Json ToJson(const std::vector<StageResult>& stages) {
  Json document = Json::array();
  for (const StageResult& stage : stages) {
    Json runs = Json::array();
    for (const absl::Duration run : stage.runs) {
      runs.push_back(absl::ToDoubleSeconds(run));
    }
    document.push_back({{"name", stage.name},
                        {"description", stage.text},
                        {"bytes", stage.bytes},
                        {"bytes_per_second", BytesPerSecond(stage)},
                        {"run_seconds", std::move(runs)}});
  }
  return document;
}

// What was found about a server.
struct ServerReport {
  std::string address;
  ServerContact contact;
  std::vector<StageResult> stages;
};

std::string Limit(uint64_t bandwidth) {
  return bandwidth == 0 ? "no limit"
                        : absl::StrCat(FormatBytes(bandwidth), "/s");
}

void PrintServer(const ServerReport& report, std::ostream& out) {
  const ServerContact& contact = report.contact;
  out << "\nserver " << Printable(report.address) << ", cairn "
      << Printable(contact.version) << "\n"
      << "connected in "
      << absl::FormatDuration(
             absl::Trunc(contact.connect, absl::Microseconds(1)))
      << ", an answer takes "
      << absl::FormatDuration(
             absl::Trunc(contact.round_trip, absl::Microseconds(1)))
      << "\n";
  if (contact.write_bandwidth > 0 || contact.read_bandwidth > 0) {
    out << "it allows all clients together: in "
        << Limit(contact.write_bandwidth) << ", out "
        << Limit(contact.read_bandwidth) << "\n";
  }
  PrintStages(report.stages, out);
}

Json ToJson(const ServerReport& report) {
  const ServerContact& contact = report.contact;
  return {{"address", report.address},
          {"version", contact.version},
          {"connect_seconds", absl::ToDoubleSeconds(contact.connect)},
          {"round_trip_seconds", absl::ToDoubleSeconds(contact.round_trip)},
          {"write_bandwidth", contact.write_bandwidth},
          {"read_bandwidth", contact.read_bandwidth},
          {"stages", ToJson(report.stages)}};
}

// The archive that --restore names.
absl::StatusOr<RangeOptions> FindArchive(
    const std::vector<std::string>& restore, CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(restore[0], scope));
  RETURN_IF_ERROR(ValidateArchiveId(restore[1]));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const SnapshotName snapshot,
                   ResolveSnapshot(argument, *catalog));
  return RangeOptions{
      .archive =
          ArchiveName{.snapshot = snapshot, .archive = restore[1]}.ToString(),
      .label = restore[1]};
}

absl::StatusOr<ServerReport> MeasureServer(const Arguments& arguments,
                                           const BenchmarkSize& size,
                                           ProgressLine& line,
                                           CommandContext& context) {
  ServerReport report;
  ASSIGN_OR_RETURN(const Settings settings, context.settings());
  report.address = settings.server;
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(BackupRemote* const remote, context.backup());
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const std::unique_ptr<ThreadPoolExecutor> workers,
                   MakeWorkers());
  // A number with a retry in it would mean nothing.
  RetryBudget budget = MakeRetryBudget(context, absl::ZeroDuration(), &line);
  const ProgressListener listener = [&line](const TransferProgress& progress) {
    line.Update(progress);
  };
  ServerBenchmark benchmark(size,
                            {.remote = remote,
                             .catalog = catalog,
                             .executor = workers.get(),
                             .budget = &budget,
                             .clock = context.console().clock,
                             .interrupt = context.console().interrupt,
                             .progress = &listener},
                            context.random());
  ASSIGN_OR_RETURN(report.contact, benchmark.Contact());
  // What may be named wrongly is better known before anything is sent.
  std::optional<RangeOptions> archive;
  if (!arguments.restore.empty()) {
    ASSIGN_OR_RETURN(archive, FindArchive(arguments.restore, context));
  }
  ASSIGN_OR_RETURN(report.stages, benchmark.MeasureUploads(scope));
  if (archive.has_value()) {
    ASSIGN_OR_RETURN(const std::vector<StageResult> restores,
                     benchmark.MeasureRestores(*archive));
    report.stages.insert(report.stages.end(), restores.begin(), restores.end());
  }
  return report;
}

absl::Status CheckArguments(const Arguments& arguments,
                            const Settings& settings) {
  if (arguments.restore.empty()) return absl::OkStatus();
  if (!arguments.local && settings.server_was_named) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "--restore reads from a server: name it with --server, and leave out "
      "--local");
}

absl::StatusOr<ExitCode> RunBenchmark(const Arguments& arguments,
                                      CommandContext& context) {
  ASSIGN_OR_RETURN(const BenchmarkSize size, MakeSize(arguments));
  ASSIGN_OR_RETURN(const Settings settings, context.settings());
  RETURN_IF_ERROR(CheckArguments(arguments, settings));
  const Console& console = context.console();
  ASSIGN_OR_RETURN(
      const std::vector<StageResult> local,
      MeasureLocalStages(size, *console.clock, *console.interrupt));
  std::ostream& out = context.out();
  if (!context.json()) {
    out << "this machine, one thread; the median of " << size.runs
        << " runs of " << FormatBytes(size.bytes) << "\n";
    PrintStages(local, out);
    out.flush();
  }
  std::optional<ServerReport> server;
  if (!arguments.local && settings.server_was_named) {
    ProgressLine line(
        {.terminal = console.err_is_terminal, .quiet = context.quiet()},
        console.err, console.clock);
    absl::StatusOr<ServerReport> report =
        MeasureServer(arguments, size, line, context);
    line.Clear();
    if (!report.ok()) return report.status();
    server = *std::move(report);
    if (!context.json()) PrintServer(*server, out);
  }
  if (context.json()) {
    out << Print(
        {{"size_bytes", size.bytes},
         {"runs", size.runs},
         {"local", {{"threads", 1}, {"stages", ToJson(local)}}},
         {"server", server.has_value() ? ToJson(*server) : Json(nullptr)}});
  }
  return kExitOk;
}

}  // namespace

void AddBenchmarkCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = AddCommand(
      root, "benchmark",
      "Measure how fast this machine does each stage of a backup, and a server "
      "takes data in from here",
      "cairn benchmark\n"
      "cairn benchmark --server backup.example.net:9440 --size 256MiB\n"
      "cairn benchmark --server unix:/run/cairn/cairnd.sock --restore "
      "vm/100/latest disk0.img");
  command->footer(absl::StrCat(kDetails, command->get_footer()));
  command->add_option("--size", arguments->size,
                      "bytes of each run, 1MiB to 1GiB (default 32MiB)");
  command
      ->add_option("--runs", arguments->runs,
                   "how often each stage runs; the median counts (default 3)")
      ->check(CLI::Range(1, kMaxRuns));
  command->add_flag("--local", arguments->local,
                    "leave out the server, if one is named");
  command
      ->add_option("--restore", arguments->restore,
                   "SNAPSHOT and ARCHIVE on the server: also read the first "
                   "--size bytes of it by both ways of `cairn restore`, and "
                   "drop them")
      ->type_name("SNAPSHOT ARCHIVE")
      ->type_size(2)
      ->expected(1);
  command->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunBenchmark(*arguments, context);
    };
  });
}

}  // namespace cairn::client
