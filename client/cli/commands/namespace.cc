#include "client/cli/commands/namespace.h"

#include <memory>
#include <string>
#include <utility>

#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string path;
  std::string comment;
};

// PATH of --datastore; --namespace, if given, is put before it.
absl::StatusOr<NamespaceName> NameOf(const std::string& path,
                                     CommandContext& context) {
  ASSIGN_OR_RETURN(NamespaceName name, context.scope());
  const std::string scope = name.path.ToString();
  ASSIGN_OR_RETURN(name.path, NamespacePath::Parse(
                                  scope.empty() ? path : scope + "/" + path));
  if (path.empty() || name.path.is_root()) {
    return absl::InvalidArgumentError(
        "the root namespace is always there; name one below it, such as "
        "servers or servers/web");
  }
  return name;
}

absl::StatusOr<ExitCode> RunCreate(const Arguments& arguments,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName name, NameOf(arguments.path, context));
  ingest::v1::CreateNamespaceRequest request;
  request.set_name(name.ToString());
  request.set_comment(arguments.comment);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const ingest::v1::CreateNamespaceResponse response,
                   catalog->CreateNamespace(request));
  if (context.json()) {
    context.out() << Print(ToJson(response.namespace_()));
  } else {
    context.out() << "created " << Printable(response.namespace_().name())
                  << "\n";
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunDelete(const Arguments& arguments,
                                   CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName name, NameOf(arguments.path, context));
  ingest::v1::DeleteNamespaceRequest request;
  request.set_name(name.ToString());
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  RETURN_IF_ERROR(catalog->DeleteNamespace(request).status());
  if (context.json()) {
    context.out() << Print({{"name", name.ToString()}});
  } else {
    context.out() << "deleted " << name.ToString() << "\n";
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunList(CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ingest::v1::ListNamespacesRequest request;
  request.set_parent(scope.ToString());
  request.set_page_size(kPageSize);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  Json list = Json::array();
  Table table({{"NAMESPACE"}, {"CREATED"}, {"COMMENT"}});
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return catalog->ListNamespaces(request);
      },
      [&](const ingest::v1::ListNamespacesResponse& page) {
        for (const model::v1::Namespace& found : page.namespaces()) {
          const absl::StatusOr<NamespaceName> name =
              NamespaceName::Parse(found.name());
          list.push_back(ToJson(found));
          table.AddRow({name.ok() ? name->path.ToString() : found.name(),
                        FormatTime(found.create_time()), found.comment()});
        }
      }));
  if (context.json()) {
    context.out() << Print({{"namespaces", std::move(list)}});
  } else {
    table.Print(context.out(), "no namespaces below " + request.parent());
  }
  return kExitOk;
}

}  // namespace

void AddNamespaceCommand(CLI::App* root, Action* chosen) {
  CLI::App* parent = AddCommand(
      root, "namespace", "Create, list and delete namespaces of a datastore",
      "cairn namespace list");
  parent->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();

  CLI::App* create =
      AddCommand(parent, "create", "Create a namespace; its parent must exist",
                 "cairn namespace create servers\n"
                 "cairn namespace create servers/web --comment \"web tier\"");
  create->add_option("PATH", arguments->path, "such as servers/web")
      ->required();
  create->add_option("--comment", arguments->comment, "text for people");
  create->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunCreate(*arguments, context);
    };
  });

  CLI::App* list = AddCommand(parent, "list",
                              "List namespaces, all levels below --namespace",
                              "cairn namespace list");
  list->callback([chosen] { *chosen = RunList; });

  CLI::App* remove =
      AddCommand(parent, "delete", "Delete a namespace that is empty",
                 "cairn namespace delete servers/web");
  remove->add_option("PATH", arguments->path, "such as servers/web")
      ->required();
  remove->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunDelete(*arguments, context);
    };
  });
}

}  // namespace cairn::client
