#include "client/cli/commands/snapshot.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "client/cli/snapshot_argument.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string group;
  std::string snapshot;
  std::string notes;
  bool notes_given = false;
  bool recursive = false;
  bool trash = false;
};

std::string ShortName(const std::string& name) {
  const absl::StatusOr<SnapshotName> parsed = SnapshotName::Parse(name);
  return parsed.ok() ? parsed->ShortName() : name;
}

std::string NamespaceOf(const std::string& name) {
  const absl::StatusOr<SnapshotName> parsed = SnapshotName::Parse(name);
  return parsed.ok() ? parsed->group.parent.path.ToString() : "?";
}

std::string ArchivesOf(const model::v1::Snapshot& snapshot) {
  std::string archives;
  for (const auto& archive : snapshot.archives()) {
    absl::StrAppend(&archives, archives.empty() ? "" : " ", archive.name());
  }
  return archives;
}

std::string NotesOf(const model::v1::Snapshot& snapshot) {
  constexpr size_t kNotesShown = 40;
  const std::string& notes = snapshot.notes();
  return notes.size() > kNotesShown ? notes.substr(0, kNotesShown) + "..."
                                    : notes;
}

void AddTrashRow(const model::v1::Snapshot& snapshot, Table* table) {
  table->AddRow({NamespaceOf(snapshot.name()), ShortName(snapshot.name()),
                 FormatBytes(snapshot.size_bytes()),
                 FormatTime(snapshot.trash_time()),
                 FormatTime(snapshot.trash_until()), ArchivesOf(snapshot),
                 NotesOf(snapshot)});
}

void AddSnapshotRow(const model::v1::Snapshot& snapshot, Table* table) {
  table->AddRow({NamespaceOf(snapshot.name()), ShortName(snapshot.name()),
                 FormatBytes(snapshot.size_bytes()),
                 FormatBytes(snapshot.stored_bytes()),
                 VerifyName(snapshot.verify_state()),
                 snapshot.protected_() ? "yes" : "no", ArchivesOf(snapshot),
                 NotesOf(snapshot)});
}

Table NewTable(bool trash) {
  if (trash) {
    return Table({{"NAMESPACE"},
                  {"SNAPSHOT"},
                  {"SIZE", Table::Align::kRight},
                  {"FORGOTTEN"},
                  {"UNDOABLE UNTIL"},
                  {"ARCHIVES"},
                  {"NOTES"}});
  }
  return Table({{"NAMESPACE"},
                {"SNAPSHOT"},
                {"SIZE", Table::Align::kRight},
                {"STORED", Table::Align::kRight},
                {"VERIFIED"},
                {"PROTECTED"},
                {"ARCHIVES"},
                {"NOTES"}});
}

absl::StatusOr<ExitCode> RunList(const Arguments& arguments,
                                 CommandContext& context) {
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
  request.mutable_filter()->set_trash(arguments.trash);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  Json list = Json::array();
  Table table = NewTable(arguments.trash);
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return catalog->ListSnapshots(request);
      },
      [&](const ingest::v1::ListSnapshotsResponse& page) {
        for (const model::v1::Snapshot& snapshot : page.snapshots()) {
          if (context.json()) {
            list.push_back(ToJson(snapshot));
          } else if (arguments.trash) {
            AddTrashRow(snapshot, &table);
          } else {
            AddSnapshotRow(snapshot, &table);
          }
        }
      }));
  if (context.json()) {
    context.out() << Print({{"snapshots", std::move(list)}});
  } else {
    table.Print(context.out(), absl::StrCat("no snapshots in ",
                                            arguments.trash ? "trash of " : "",
                                            request.parent()));
  }
  return kExitOk;
}

void PrintSnapshot(const model::v1::Snapshot& snapshot, std::ostream& out) {
  out << "snapshot   " << Printable(snapshot.name()) << "\n";
  if (snapshot.state() == model::v1::SNAPSHOT_STATE_TRASH) {
    out << "forgotten  " << FormatTime(snapshot.trash_time())
        << ", undoable until " << FormatTime(snapshot.trash_until()) << "\n";
  }
  out << "published  " << FormatTime(snapshot.publish_time()) << "\n"
      << "owner      " << Printable(snapshot.owner()) << "\n"
      << "size       " << FormatBytes(snapshot.size_bytes()) << "\n"
      << "stored     " << FormatBytes(snapshot.stored_bytes()) << "\n"
      << "verified   " << VerifyName(snapshot.verify_state()) << "\n"
      << "protected  " << (snapshot.protected_() ? "yes" : "no") << "\n"
      << "recovered  " << (snapshot.recovered() ? "yes, from the packs" : "no")
      << "\n"
      << "notes      " << Printable(snapshot.notes()) << "\n\n";
  Table table({{"ARCHIVE"},
               {"KIND"},
               {"SIZE", Table::Align::kRight},
               {"HOLES", Table::Align::kRight},
               {"CHUNKS", Table::Align::kRight},
               {"CHUNKER"}});
  for (const auto& archive : snapshot.archives()) {
    table.AddRow({archive.name(), KindName(archive.kind()),
                  FormatBytes(archive.root().size_bytes()),
                  FormatBytes(archive.root().hole_bytes()),
                  absl::StrCat(archive.root().chunk_count()),
                  archive.chunker().name()});
  }
  table.Print(out, "no archives");
}

// The snapshot that an argument means, as a resource name.
absl::StatusOr<std::string> NameOf(const std::string& text,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ASSIGN_OR_RETURN(const SnapshotArgument argument,
                   ParseSnapshotArgument(text, scope));
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const SnapshotName name,
                   ResolveSnapshot(argument, *catalog));
  return name.ToString();
}

absl::StatusOr<ExitCode> RunShow(const Arguments& arguments,
                                 CommandContext& context) {
  ingest::v1::GetSnapshotRequest request;
  ASSIGN_OR_RETURN(const std::string name, NameOf(arguments.snapshot, context));
  request.set_name(name);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const ingest::v1::GetSnapshotResponse response,
                   catalog->GetSnapshot(request));
  if (context.json()) {
    context.out() << Print(ToJson(response.snapshot()));
  } else {
    PrintSnapshot(response.snapshot(), context.out());
  }
  return kExitOk;
}

// Changes one field of the snapshot that `argument` means.
template <typename Change>
absl::StatusOr<ExitCode> Update(const std::string& argument,
                                const std::string& field, Change change,
                                const std::string& done,
                                CommandContext& context) {
  ingest::v1::UpdateSnapshotRequest request;
  ASSIGN_OR_RETURN(const std::string name, NameOf(argument, context));
  request.mutable_snapshot()->set_name(name);
  request.mutable_update_mask()->add_paths(field);
  change(request.mutable_snapshot());
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const ingest::v1::UpdateSnapshotResponse response,
                   catalog->UpdateSnapshot(request));
  if (context.json()) {
    context.out() << Print(ToJson(response.snapshot()));
  } else {
    context.out() << Printable(ShortName(response.snapshot().name())) << " "
                  << done << "\n";
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunNotes(const Arguments& arguments,
                                  CommandContext& context) {
  if (arguments.notes_given) {
    return Update(
        arguments.snapshot, "notes",
        [&](model::v1::Snapshot* s) { s->set_notes(arguments.notes); },
        "has new notes", context);
  }
  ingest::v1::GetSnapshotRequest request;
  ASSIGN_OR_RETURN(const std::string name, NameOf(arguments.snapshot, context));
  request.set_name(name);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const ingest::v1::GetSnapshotResponse response,
                   catalog->GetSnapshot(request));
  if (context.json()) {
    context.out() << Print({{"name", response.snapshot().name()},
                            {"notes", response.snapshot().notes()}});
  } else {
    context.out() << Printable(response.snapshot().notes()) << "\n";
  }
  return kExitOk;
}

void AddList(CLI::App* parent, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* list =
      AddCommand(parent, "list",
                 "List the snapshots of a namespace or group, oldest first",
                 "cairn snapshot list host/web1\n"
                 "cairn snapshot list --namespace servers --recursive\n"
                 "cairn snapshot list --trash");
  list->add_option("GROUP", arguments->group, "host/ID, vm/ID or ct/ID");
  list->add_flag("--recursive", arguments->recursive,
                 "the namespaces below too");
  list->add_flag("--trash", arguments->trash,
                 "what was forgotten and can be taken back, and until when");
  list->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunList(*arguments, context);
    };
  });
}

void AddShow(CLI::App* parent, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* show =
      AddCommand(parent, "show", "Show one snapshot and its archives",
                 "cairn snapshot show host/web1/latest");
  show->add_option("SNAPSHOT", arguments->snapshot,
                   "GROUP/latest or GROUP/TIME")
      ->required();
  show->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunShow(*arguments, context);
    };
  });
}

void AddNotes(CLI::App* parent, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* notes = AddCommand(
      parent, "notes", "Print the notes of a snapshot, or replace them",
      "cairn snapshot notes host/web1/latest\n"
      "cairn snapshot notes host/web1/latest \"before the upgrade\"");
  notes
      ->add_option("SNAPSHOT", arguments->snapshot,
                   "GROUP/latest or GROUP/TIME")
      ->required();
  CLI::Option* text = notes->add_option("TEXT", arguments->notes,
                                        "the new notes; \"\" removes them");
  notes->callback([arguments, chosen, text] {
    arguments->notes_given = text->count() > 0;
    *chosen = [arguments](CommandContext& context) {
      return RunNotes(*arguments, context);
    };
  });
}

void AddProtection(CLI::App* parent, bool protect, Action* chosen) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      protect ? AddCommand(parent, "protect",
                           "Keep a snapshot from being forgotten or pruned",
                           "cairn snapshot protect host/web1/latest")
              : AddCommand(parent, "unprotect",
                           "Let a snapshot be forgotten and pruned again",
                           "cairn snapshot unprotect host/web1/latest");
  command
      ->add_option("SNAPSHOT", arguments->snapshot,
                   "GROUP/latest or GROUP/TIME")
      ->required();
  command->callback([arguments, chosen, protect] {
    *chosen = [arguments, protect](CommandContext& context) {
      return Update(
          arguments->snapshot, "protected",
          [&](model::v1::Snapshot* s) { s->set_protected_(protect); },
          protect ? "is protected" : "is no longer protected", context);
    };
  });
}

}  // namespace

void AddSnapshotCommand(CLI::App* root, Action* chosen) {
  CLI::App* snapshot =
      AddCommand(root, "snapshot", "List, show, annotate and protect snapshots",
                 "cairn snapshot list");
  snapshot->require_subcommand(1);
  AddList(snapshot, chosen);
  AddShow(snapshot, chosen);
  AddNotes(snapshot, chosen);
  AddProtection(snapshot, true, chosen);
  AddProtection(snapshot, false, chosen);
}

}  // namespace cairn::client
