#include "client/cli/commands/lease.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

std::string Span(const google::protobuf::Duration& duration) {
  return FormatSpan(absl::Seconds(duration.seconds()) +
                    absl::Nanoseconds(duration.nanos()));
}

void AddLeaseRow(const model::v1::Lease& lease, Table* table) {
  std::string claims;
  for (const auto& claim : lease.claims()) {
    absl::StrAppend(&claims, claims.empty() ? "" : ", ", ModeName(claim.mode()),
                    " ", claim.resource());
  }
  const bool expired =
      lease.remaining().seconds() == 0 && lease.remaining().nanos() == 0;
  table->AddRow({PurposeName(lease.purpose()), lease.holder(),
                 FormatTime(lease.start_time()), Span(lease.age()),
                 expired ? "expired" : Span(lease.remaining()), claims,
                 lease.id()});
}

absl::StatusOr<ExitCode> RunList(CommandContext& context) {
  ASSIGN_OR_RETURN(const NamespaceName scope, context.scope());
  ingest::v1::ListLeasesRequest request;
  request.set_datastore("datastores/" + scope.datastore);
  request.set_page_size(kPageSize);
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  Json list = Json::array();
  Table table({{"PURPOSE"},
               {"HOLDER"},
               {"SINCE"},
               {"AGE", Table::Align::kRight},
               {"REMAINING", Table::Align::kRight},
               {"CLAIMS"},
               {"ID"}});
  RETURN_IF_ERROR(ForEachPage(
      [&](const std::string& token) {
        request.set_page_token(token);
        return catalog->ListLeases(request);
      },
      [&](const ingest::v1::ListLeasesResponse& page) {
        for (const model::v1::Lease& lease : page.leases()) {
          list.push_back(ToJson(lease));
          AddLeaseRow(lease, &table);
        }
      }));
  if (context.json()) {
    context.out() << Print({{"leases", std::move(list)}});
  } else {
    table.Print(context.out(),
                "nobody holds anything in " + request.datastore());
  }
  return kExitOk;
}

}  // namespace

void AddLeaseCommand(CLI::App* root, Action* chosen) {
  CLI::App* parent = AddCommand(
      root, "lease", "Show who holds what of a datastore", "cairn lease list");
  parent->require_subcommand(1);
  CLI::App* list = AddCommand(
      parent, "list",
      "List the leases of a datastore: running backups, restores, sweeps",
      "cairn lease list --datastore default");
  list->callback([chosen] { *chosen = RunList; });
}

}  // namespace cairn::client
