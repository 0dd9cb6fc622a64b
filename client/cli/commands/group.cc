#include "client/cli/commands/group.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string type;
  bool recursive = false;
};

void AddGroupRow(const model::v1::Group& group, Table* table) {
  const absl::StatusOr<GroupName> name = GroupName::Parse(group.name());
  table->AddRow({name.ok() ? name->parent.path.ToString() : "?",
                 name.ok() ? name->ShortName() : group.name(), group.owner(),
                 absl::StrCat(group.snapshot_count()),
                 FormatTime(group.last_snapshot_time())});
}

absl::StatusOr<ExitCode> RunList(const Arguments& arguments,
                                 CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ingest::v1::ListGroupsRequest request;
  request.set_parent(scope.ToString());
  request.set_type(arguments.type);
  request.set_page_size(kPageSize);
  if (arguments.recursive) request.set_max_depth(kMaxNamespaceDepth);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  Json list = Json::array();
  Table table({{"NAMESPACE"},
               {"GROUP"},
               {"OWNER"},
               {"SNAPSHOTS", Table::Align::kRight},
               {"NEWEST"}});
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return catalog->ListGroups(request);
      },
      [&](const ingest::v1::ListGroupsResponse& page) {
        for (const model::v1::Group& group : page.groups()) {
          if (context.json()) {
            list.push_back(ToJson(group));
          } else {
            AddGroupRow(group, &table);
          }
        }
      }));
  if (context.json()) {
    context.out() << Print({{"groups", std::move(list)}});
  } else {
    table.Print(context.out(), "no groups in " + request.parent());
  }
  return kExitOk;
}

}  // namespace

void AddGroupCommand(CLI::App* root, Action* chosen) {
  CLI::App* group =
      AddCommand(root, "group", "List groups of snapshots", "cairn group list");
  group->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* list =
      AddCommand(group, "list",
                 "List the groups of a namespace, with their owner and newest "
                 "snapshot",
                 "cairn group list --type vm --recursive");
  list->add_option("--type", arguments->type, "vm, ct or host only")
      ->check(CLI::IsMember({"vm", "ct", "host"}));
  list->add_flag("--recursive", arguments->recursive,
                 "the namespaces below too");
  list->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunList(*arguments, context);
    };
  });
}

}  // namespace cairn::client
