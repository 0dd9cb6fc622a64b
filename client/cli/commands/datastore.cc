#include "client/cli/commands/datastore.h"

#include <memory>
#include <string>
#include <utility>

#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "common/model/uuid.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

struct Arguments {
  std::string name;
  std::string comment;
};

absl::StatusOr<ExitCode> RunCreate(const Arguments& arguments,
                                   CommandContext& context) {
  RETURN_IF_ERROR(ValidateDatastoreId(arguments.name));
  ingest::v1::CreateDatastoreRequest request;
  request.set_request_id(Uuid::Random(context.random()).ToString());
  request.set_datastore_id(arguments.name);
  request.set_comment(arguments.comment);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const ingest::v1::CreateDatastoreResponse response,
                   catalog->CreateDatastore(request));
  if (context.json()) {
    context.out() << Print(ToJson(response.datastore()));
  } else {
    context.out() << "created " << Printable(response.datastore().name())
                  << "\n";
  }
  return kExitOk;
}

absl::StatusOr<ExitCode> RunList(CommandContext& context) {
  ingest::v1::ListDatastoresRequest request;
  request.set_page_size(kPageSize);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  Json list = Json::array();
  Table table({{"DATASTORE"}, {"CREATED"}, {"COMMENT"}});
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return catalog->ListDatastores(request);
      },
      [&](const ingest::v1::ListDatastoresResponse& page) {
        for (const model::v1::Datastore& found : page.datastores()) {
          list.push_back(ToJson(found));
          const size_t slash = found.name().find('/');
          table.AddRow(
              {found.name().substr(slash == std::string::npos ? 0 : slash + 1),
               FormatTime(found.create_time()), found.comment()});
        }
      }));
  if (context.json()) {
    context.out() << Print({{"datastores", std::move(list)}});
  } else {
    table.Print(context.out(), "no datastores");
  }
  return kExitOk;
}

}  // namespace

void AddDatastoreCommand(CLI::App* root, Action* chosen) {
  CLI::App* parent = AddCommand(root, "datastore", "Create and list datastores",
                                "cairn datastore list");
  parent->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* create = AddCommand(
      parent, "create", "Create a datastore, which deduplicates within itself",
      "cairn datastore create archive --comment \"kept 10 years\"");
  create->add_option("NAME", arguments->name, "3 to 32 of A-Z a-z 0-9 . _ -")
      ->required();
  create->add_option("--comment", arguments->comment, "text for people");
  create->callback([arguments, chosen] {
    *chosen = [arguments](CommandContext& context) {
      return RunCreate(*arguments, context);
    };
  });
  CLI::App* list = AddCommand(parent, "list", "List the server's datastores",
                              "cairn datastore list");
  list->callback([chosen] { *chosen = RunList; });
}

}  // namespace cairn::client
