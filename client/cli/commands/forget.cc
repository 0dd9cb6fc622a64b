#include "client/cli/commands/forget.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "client/cli/change_unknown.h"
#include "client/cli/render/format.h"
#include "client/cli/snapshot_argument.h"
#include "client/cli/span.h"
#include "common/model/catalog.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::vector<std::string> snapshots;
  std::string group;
  bool all = false;
  bool recursive = false;
  bool dry_run = false;
  std::string trash_time;
};

// What the arguments mean, by its state.
struct Selection {
  std::map<std::string, std::vector<std::string>> names;  // by datastore
  std::vector<std::string> kept;     // protected, so not taken
  std::vector<std::string> already;  // as it would become
  size_t count() const {
    size_t sum = 0;
    for (const auto& [datastore, of_it] : names) sum += of_it.size();
    return sum;
  }
};

absl::StatusOr<int64_t> ParseTrashTime(const std::string& text) {
  ASSIGN_OR_RETURN(const int64_t seconds, ParseSpan(text, "--trash-time"));
  if (absl::Seconds(seconds) <= kMaxTrashTime) return seconds;
  return absl::InvalidArgumentError(
      absl::StrCat("--trash-time ", text, ": at most ",
                   kMaxTrashTime / absl::Hours(24), "d are allowed"));
}

absl::Status CheckArguments(const Arguments& arguments,
                            const std::string& command) {
  if (arguments.snapshots.empty() && !arguments.all) {
    return absl::InvalidArgumentError(absl::StrCat(
        arguments.group.empty()
            ? "name snapshots, or say --all for all of the namespace"
            : "--group means all of its snapshots: say so with --all",
        "; see `cairn ", command, " --help`"));
  }
  if (arguments.snapshots.empty()) return absl::OkStatus();
  if (arguments.all || !arguments.group.empty() || arguments.recursive) {
    return absl::InvalidArgumentError(
        "snapshots are named, so --all, --group and --recursive have no "
        "place; give the one or the other");
  }
  return absl::OkStatus();
}

absl::Status Add(const model::v1::Snapshot& snapshot, bool forget,
                 Selection* selection) {
  const bool in_trash = snapshot.state() == model::v1::SNAPSHOT_STATE_TRASH;
  if (in_trash == forget) {
    selection->already.push_back(snapshot.name());
    return absl::OkStatus();
  }
  if (forget && snapshot.protected_()) {
    selection->kept.push_back(snapshot.name());
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const SnapshotName name,
                   SnapshotName::Parse(snapshot.name()));
  selection->names["datastores/" + name.group.parent.datastore].push_back(
      snapshot.name());
  return absl::OkStatus();
}

absl::Status AddNamed(const std::string& text, bool forget,
                      CommandContext& context, std::set<std::string>* seen,
                      Selection* selection) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(text, scope));
  if (!forget && !argument.time.has_value()) {
    return absl::InvalidArgumentError(absl::StrCat(
        text,
        " is the newest that is listed; name what is in trash by its "
        "time, as `cairn snapshot list --trash` shows it"));
  }
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const SnapshotName name,
                   ResolveSnapshot(argument, *catalog));
  if (!seen->insert(name.ToString()).second) return absl::OkStatus();
  ingest::v1::GetSnapshotRequest request;
  request.set_name(name.ToString());
  ASSIGN_OR_RETURN(const ingest::v1::GetSnapshotResponse found,
                   catalog->GetSnapshot(request));
  return Add(found.snapshot(), forget, selection);
}

absl::Status AddAll(const Arguments& arguments, bool forget,
                    CommandContext& context, Selection* selection) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ingest::v1::ListSnapshotsRequest request;
  request.set_parent(scope.ToString());
  if (!arguments.group.empty()) {
    ASSIGN_OR_RETURN(const GroupName group,
                     ParseGroupArgument(arguments.group, scope));
    request.set_parent(group.ToString());
  } else if (arguments.recursive) {
    request.set_max_depth(kMaxNamespaceDepth);
  }
  request.set_page_size(kPageSize);
  request.mutable_filter()->set_trash(!forget);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  absl::Status added;
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return catalog->ListSnapshots(request);
      },
      [&](const ingest::v1::ListSnapshotsResponse& page) {
        for (const model::v1::Snapshot& snapshot : page.snapshots()) {
          added.Update(Add(snapshot, forget, selection));
        }
      }));
  return added;
}

absl::StatusOr<Selection> Select(const Arguments& arguments, bool forget,
                                 CommandContext& context) {
  Selection selection;
  if (arguments.all) {
    RETURN_IF_ERROR(AddAll(arguments, forget, context, &selection));
    return selection;
  }
  std::set<std::string> seen;
  for (const std::string& text : arguments.snapshots) {
    RETURN_IF_ERROR(AddNamed(text, forget, context, &seen, &selection));
  }
  if (selection.kept.empty()) return selection;
  return WithReason(
      absl::FailedPreconditionError(absl::StrCat(
          selection.kept.front(), " is protected; nothing was forgotten")),
      reason::kSnapshotProtected);
}

// Why no more is changed after `done` of `all` names: an interrupt, or how the
// last change has ended.
absl::Status StoppedAfter(const absl::Status& changed, const char* done_word,
                          size_t done, size_t all,
                          const CommandContext& context) {
  const std::string so_far = absl::StrCat(done_word, " ", done, " of ", all);
  if (context.console().interrupt->raised()) {
    return WithReason(
        absl::CancelledError(absl::StrCat(
            "interrupted: ", so_far,
            changed.ok()
                ? ""
                : ", and the server may have done what was asked for last")),
        kChangeUnknown);
  }
  return done == 0 ? changed
                   : WithContext(changed, absl::StrCat(so_far, ", then"));
}

// Calls `change` with at most kMaxSnapshotsPerChange names of one datastore at
// a time, and tells how far that is.
template <typename Change>
absl::Status ForEachBatch(const Selection& selection, const char* done_word,
                          CommandContext& context, Change change) {
  const size_t all = selection.count();
  size_t done = 0;
  for (const auto& [datastore, names] : selection.names) {
    for (size_t begin = 0; begin < names.size();) {
      if (context.console().interrupt->raised()) {
        return StoppedAfter(absl::OkStatus(), done_word, done, all, context);
      }
      const size_t end = std::min(begin + kMaxSnapshotsPerChange, names.size());
      const absl::Status changed =
          change(datastore, std::vector<std::string>(
                                names.begin() + static_cast<ptrdiff_t>(begin),
                                names.begin() + static_cast<ptrdiff_t>(end)));
      if (!changed.ok()) {
        return StoppedAfter(changed, done_word, done, all, context);
      }
      done += end - begin;
      begin = end;
      if (done < all && !context.quiet()) {
        // Whoever waits sees it now.
        *context.console().err << done_word << " " << done << " of " << all
                               << std::endl;
      }
    }
  }
  return absl::OkStatus();
}

std::vector<std::string> NamesOf(const Selection& selection) {
  std::vector<std::string> names;
  for (const auto& [datastore, of_it] : selection.names) {
    names.insert(names.end(), of_it.begin(), of_it.end());
  }
  return names;
}

void PrintNames(const Selection& selection, const char* word,
                CommandContext& context) {
  for (const std::string& name : NamesOf(selection)) {
    context.out() << word << " " << Printable(name) << "\n";
  }
}

std::string Count(size_t count) {
  return absl::StrCat(count, count == 1 ? " snapshot" : " snapshots");
}

absl::StatusOr<ExitCode> RunForget(const Arguments& arguments,
                                   CommandContext& context) {
  RETURN_IF_ERROR(CheckArguments(arguments, "forget"));
  ingest::v1::ForgetSnapshotsRequest request;
  if (!arguments.trash_time.empty()) {
    ASSIGN_OR_RETURN(const int64_t seconds,
                     ParseTrashTime(arguments.trash_time));
    request.mutable_trash_time()->set_seconds(seconds);
  }
  ASSIGN_OR_RETURN(const Selection selection, Select(arguments, true, context));
  std::string until;
  if (!arguments.dry_run) {
    ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
    RETURN_IF_ERROR(ForEachBatch(
        selection, "forgot", context,
        [&](const std::string& datastore,
            const std::vector<std::string>& names) -> absl::Status {
          request.set_datastore(datastore);
          request.mutable_names()->Assign(names.begin(), names.end());
          ASSIGN_OR_RETURN(const ingest::v1::ForgetSnapshotsResponse response,
                           catalog->ForgetSnapshots(request));
          // The first batch's is the earliest.
          if (until.empty()) until = FormatTime(response.trash_until());
          return absl::OkStatus();
        }));
  }
  if (context.json()) {
    context.out() << Print(
        {{"forgotten", NamesOf(selection)},
         {"protected", selection.kept},
         {"in_trash_already", selection.already},
         {"trash_until", until.empty() ? Json(nullptr) : Json(until)},
         {"dry_run", arguments.dry_run}});
    return kExitOk;
  }
  if (arguments.dry_run) {
    PrintNames(selection, "would forget", context);
  } else {
    context.out() << "forgot " << Count(selection.count());
    if (!until.empty()) {
      context.out() << "; `cairn undelete` takes back until " << until;
    }
    context.out() << "\n";
  }
  if (!selection.kept.empty()) {
    context.out() << "protected, so kept: " << Count(selection.kept.size())
                  << "\n";
  }
  if (!selection.already.empty()) {
    context.out() << "in trash already: " << Count(selection.already.size())
                  << "\n";
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunUndelete(const Arguments& arguments,
                                     CommandContext& context) {
  RETURN_IF_ERROR(CheckArguments(arguments, "undelete"));
  ASSIGN_OR_RETURN(const Selection selection,
                   Select(arguments, false, context));
  if (!arguments.dry_run) {
    ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
    RETURN_IF_ERROR(ForEachBatch(
        selection, "undeleted", context,
        [&](const std::string& datastore,
            const std::vector<std::string>& names) -> absl::Status {
          ingest::v1::UndeleteSnapshotsRequest request;
          request.set_datastore(datastore);
          request.mutable_names()->Assign(names.begin(), names.end());
          return catalog->UndeleteSnapshots(request).status();
        }));
  }
  if (context.json()) {
    context.out() << Print({{"undeleted", NamesOf(selection)},
                            {"listed_already", selection.already},
                            {"dry_run", arguments.dry_run}});
    return kExitOk;
  }
  if (arguments.dry_run) {
    PrintNames(selection, "would undelete", context);
  } else {
    context.out() << "undeleted " << Count(selection.count()) << "\n";
  }
  if (!selection.already.empty()) {
    context.out() << "listed already: " << Count(selection.already.size())
                  << "\n";
  }
  return kExitOk;
}

void AddSelectionOptions(CLI::App* command, Arguments* arguments) {
  command->add_option("SNAPSHOT", arguments->snapshots,
                      "GROUP/YYYY-MM-DDThh:mm:ssZ, several if need be");
  command->add_option("--group", arguments->group,
                      "host/ID, vm/ID or ct/ID; only with --all");
  command->add_flag("--all", arguments->all,
                    "all of the group, or of the namespace");
  command->add_flag("--recursive", arguments->recursive,
                    "with --all: the namespaces below too");
  command->add_flag("--dry-run", arguments->dry_run,
                    "say what would be done, and do nothing");
}

}  // namespace

void AddForgetCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* forget = AddCommand(
      root, "forget",
      "Forget snapshots: they are listed no more, can be taken back with "
      "`cairn undelete` for the time in trash, and only after it gives `cairn "
      "gc` their space back. What is protected stays: --all passes it over, a "
      "name of it is refused (exit code 14) and nothing is forgotten",
      "cairn forget host/web1/2026-11-21T20:39:45Z\n"
      "cairn forget --group host/old --all --dry-run\n"
      "cairn forget --namespace tests --all --recursive --trash-time 0");
  AddSelectionOptions(forget, arguments.get());
  forget->add_option("--trash-time", arguments->trash_time,
                     "how long they can be taken back: numbers with units of w "
                     "d h min s, as 7d, 36h or 90min, or 0; at most 3650d. "
                     "Default: the server's, 7d unless it is told otherwise. "
                     "Only an administrator may ask for less than it");
  forget->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunForget(*arguments, context);
    };
  });
}

void AddUndeleteCommand(CLI::App* root, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* undelete = AddCommand(
      root, "undelete",
      "Take forgotten snapshots back, while they are in trash: `cairn "
      "snapshot list --trash` shows which and until when",
      "cairn undelete host/web1/2026-11-21T20:39:45Z\n"
      "cairn undelete --group host/old --all");
  AddSelectionOptions(undelete, arguments.get());
  undelete->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunUndelete(*arguments, context);
    };
  });
}

}  // namespace cairn::client
