#include "client/cli/commands/extract.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/commands/restored.h"
#include "client/cli/commands/transfer.h"
#include "client/cli/render/format.h"
#include "client/cli/render/progress.h"
#include "client/cli/render/table.h"
#include "client/cli/snapshot_argument.h"
#include "client/restore/pack_source.h"
#include "client/restore/restore_run.h"
#include "common/io/posix_file_system.h"
#include "common/status/status_macros.h"
#include "common/wire/scalars.h"
#include "common/wire/snapshot.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string packs;
  bool list = false;
  std::string snapshot;
  RestoreArguments restore;
};

Snapshot ToSnapshot(const SnapshotName& name, const ReplayedSnapshot& replayed,
                    const std::string& owner) {
  Snapshot snapshot;
  snapshot.name = name;
  snapshot.state = replayed.state;
  snapshot.archives = replayed.manifest.archives;
  snapshot.notes = replayed.notes;
  snapshot.is_protected = replayed.is_protected;
  snapshot.owner = owner;
  snapshot.sequence = replayed.manifest.sequence;
  snapshot.session = replayed.manifest.session;
  snapshot.publish_time = replayed.manifest.publish_time;
  snapshot.stored_bytes = replayed.manifest.stored_bytes;
  snapshot.recovered = true;
  if (replayed.state == SnapshotState::kTrash) {
    snapshot.trash_time = replayed.trash_time;
    snapshot.trash_until = replayed.trash_until;
  }
  return snapshot;
}

void AddRow(const Snapshot& snapshot, Table& table) {
  std::string archives;
  for (const Archive& archive : snapshot.archives) {
    absl::StrAppend(&archives, archives.empty() ? "" : " ", archive.name);
  }
  table.AddRow({snapshot.name.group.parent.path.ToString(),
                snapshot.name.ShortName(), FormatBytes(snapshot.size_bytes()),
                snapshot.is_protected ? "yes" : "no",
                snapshot.trash_until.has_value()
                    ? FormatTime(TimeToProto(*snapshot.trash_until))
                    : "-",
                archives});
}

ExitCode List(const PackSource& source, CommandContext& context) {
  const ReplayedCatalog& catalog = source.catalog();
  Json list = Json::array();
  Table table({{"NAMESPACE"},
               {"SNAPSHOT"},
               {"SIZE", Table::Align::kRight},
               {"PROTECTED"},
               {"IN TRASH UNTIL"},
               {"ARCHIVES"}});
  for (const auto& [name, replayed] : catalog.snapshots) {
    const auto group = catalog.groups.find(name.group);
    const Snapshot snapshot =
        ToSnapshot(name, replayed,
                   group == catalog.groups.end() ? "" : group->second.owner);
    if (context.json()) {
      list.push_back(ToJson(ToProto(snapshot)));
    } else {
      AddRow(snapshot, table);
    }
  }
  if (context.json()) {
    context.out() << Print({{"datastore", catalog.name},
                            {"uuid", source.datastore().ToString()},
                            {"snapshots", std::move(list)}});
  } else {
    table.Print(context.out(),
                absl::StrCat("no snapshots of datastore ", catalog.name));
  }
  return kExitOk;
}

// What could not be read may be what is missed.
void PrintSourceProblems(const PackSource& source, std::ostream& err) {
  const PackSource::Problems& problems = source.problems();
  if (problems.count == 0) return;
  err << "cairn: " << problems.count
      << " places of metadata cannot be read; what they said is missing here\n";
  for (const std::string& text : problems.texts) {
    err << "  " << Printable(text) << "\n";
  }
}

absl::StatusOr<PackSource> OpenSource(const Arguments& arguments,
                                      const FileSystem& files,
                                      CommandContext& context) {
  ASSIGN_OR_RETURN(const Settings settings, context.settings());
  // Nobody says "default" who means another one.
  return PackSource::Open(&files, arguments.packs,
                          {.datastore = settings.datastore,
                           .any = settings.datastore == kDefaultDatastore},
                          context.console().interrupt);
}

// One in trash by its time alone: the latest is one that is listed.
absl::StatusOr<const std::pair<const SnapshotName, ReplayedSnapshot>*>
FindSnapshot(const Arguments& arguments, const PackSource& source,
             CommandContext& context) {
  const ReplayedCatalog& catalog = source.catalog();
  ASSIGN_OR_RETURN(NamespaceName scope, context.scope());
  scope.datastore = catalog.name;
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(arguments.snapshot, scope));
  auto found = catalog.snapshots.upper_bound(
      {.group = argument.group,
       .time = argument.time.value_or(kMaxSnapshotTime)});
  while (found != catalog.snapshots.begin()) {
    --found;
    if (found->first.group != argument.group) break;
    if (argument.time.has_value()
            ? found->first.time == *argument.time
            : found->second.state == SnapshotState::kListed) {
      return &*found;
    }
    if (argument.time.has_value()) break;
  }
  return absl::NotFoundError(absl::StrCat(
      "snapshot ", arguments.snapshot, " is not in the packs below ",
      arguments.packs, "; `cairn extract --packs ... --list` shows what is"));
}

absl::StatusOr<const Archive*> FindArchive(const ReplayedSnapshot& snapshot,
                                           const std::string& name) {
  for (const Archive& archive : snapshot.manifest.archives) {
    if (archive.name == name) return &archive;
  }
  return absl::NotFoundError(
      absl::StrCat("archive ", name, " is not in snapshot ",
                   snapshot.manifest.snapshot.ToString()));
}

absl::StatusOr<ExitCode> Extract(const Arguments& arguments, PackSource& source,
                                 CommandContext& context) {
  ASSIGN_OR_RETURN(const auto* const snapshot,
                   FindSnapshot(arguments, source, context));
  ASSIGN_OR_RETURN(const Archive* const archive,
                   FindArchive(snapshot->second, arguments.restore.archive));
  const RestoreRequest request =
      MakeRestoreRequest(arguments.restore, snapshot->first);
  const Console& console = context.console();
  ProgressLine line(
      {.terminal = console.err_is_terminal, .quiet = context.quiet()},
      console.err, console.clock);
  const ProgressListener listener = [&line](const TransferProgress& progress) {
    line.Update(progress);
  };
  PackReader reader({.archive = request.archive,
                     .label = request.label,
                     .offset = request.offset,
                     .length = request.length},
                    archive, &source, &listener);
  return RunAndReport(request, {.reader = &reader, .progress = &listener}, line,
                      context);
}

absl::StatusOr<ExitCode> RunExtract(const Arguments& arguments,
                                    CommandContext& context) {
  if (!arguments.list && arguments.restore.target.empty()) {
    return absl::InvalidArgumentError(
        "SNAPSHOT, ARCHIVE and TARGET are needed, or --list");
  }
  if (arguments.list && !arguments.snapshot.empty()) {
    return absl::InvalidArgumentError("--list takes no SNAPSHOT");
  }
  if (arguments.restore.target == "-") context.KeepStdoutForData();
  const PosixFileSystem files;
  ASSIGN_OR_RETURN(PackSource source, OpenSource(arguments, files, context));
  PrintSourceProblems(source, *context.console().err);
  if (arguments.list) return List(source, context);
  return Extract(arguments, source, context);
}

}  // namespace

void AddExtractCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = AddCommand(
      root, "extract",
      "Restore an archive from a directory of packs, with no server running",
      "cairn extract --packs /var/lib/cairn --list\n"
      "cairn extract --packs /var/lib/cairn host/web1/latest root.tar /mnt/r\n"
      "cairn extract --packs /mnt/disk/packs vm/100/2026-11-21T20:39:45Z "
      "disk0.img disk0.img");
  command
      ->add_option("--packs", arguments->packs,
                   "data directory of cairnd or chunk_storage, or any "
                   "directory of packs")
      ->required();
  command->add_flag("--list", arguments->list,
                    "list the snapshots that the packs hold");
  command->add_option("SNAPSHOT", arguments->snapshot,
                      "GROUP/latest or GROUP/YYYY-MM-DDThh:mm:ssZ");
  command->add_option("ARCHIVE", arguments->restore.archive,
                      "its name, as in root.tar");
  command->add_option("TARGET", arguments->restore.target,
                      "as of `cairn restore`: file, block device, - for "
                      "stdout, or a directory that a .tar is extracted to");
  AddRestoreOptions(command, &arguments->restore);
  command->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunExtract(*arguments, context);
    };
  });
}

}  // namespace cairn::client
