#include "client/cli/commands/status.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/cli/render/format.h"
#include "client/cli/render/table.h"
#include "common/status/status_macros.h"

namespace cairn::client {
namespace {

using ingest::v1::GetStatusResponse;

// How many times the stored bytes the snapshots stand for.
std::string DedupFactor(uint64_t logical, uint64_t stored) {
  if (stored == 0) return "-";
  return absl::StrFormat(
      "%.1fx", static_cast<double>(logical) / static_cast<double>(stored));
}

void PrintText(const GetStatusResponse& status, std::ostream& out) {
  out << "server version " << Printable(status.server_version()) << "\n\n";
  Table services({{"SERVICE"}, {"READY"}, {"PROBLEM"}});
  for (const auto& service : status.services()) {
    services.AddRow(
        {service.name(), service.ready() ? "yes" : "NO", service.problem()});
  }
  services.Print(out, "no services");
  out << "\n";
  Table datastores({{"DATASTORE"},
                    {"SNAPSHOTS", Table::Align::kRight},
                    {"LOGICAL", Table::Align::kRight},
                    {"TRASH", Table::Align::kRight},
                    {"STORED", Table::Align::kRight},
                    {"FACTOR", Table::Align::kRight},
                    {"FREE", Table::Align::kRight},
                    {"DAMAGED", Table::Align::kRight},
                    {"SESSIONS", Table::Align::kRight},
                    {"LEASES", Table::Align::kRight}});
  for (const auto& datastore : status.datastores()) {
    datastores.AddRow(
        {datastore.name(), absl::StrCat(datastore.snapshot_count()),
         FormatBytes(datastore.logical_bytes()),
         absl::StrCat(datastore.trash_count()),
         FormatBytes(datastore.stored_bytes()),
         DedupFactor(datastore.logical_bytes(), datastore.stored_bytes()),
         FormatBytes(datastore.free_bytes()),
         absl::StrCat(datastore.damaged_record_count()),
         absl::StrCat(datastore.open_sessions()),
         absl::StrCat(datastore.live_leases())});
  }
  datastores.Print(out, "no datastores");
}

absl::StatusOr<ExitCode> RunStatus(CommandContext& context) {
  ASSIGN_OR_RETURN(CatalogRemote* const catalog, context.catalog());
  ASSIGN_OR_RETURN(const GetStatusResponse status,
                   catalog->GetStatus(ingest::v1::GetStatusRequest()));
  if (context.json()) {
    context.out() << Print(ToJson(status));
  } else {
    PrintText(status, context.out());
  }
  const bool all_ready = std::all_of(
      status.services().begin(), status.services().end(),
      [](const GetStatusResponse::ServiceStatus& s) { return s.ready(); });
  return all_ready ? kExitOk : kExitUnreachable;
}

}  // namespace

void AddStatusCommand(CLI::App* root, Action* chosen) {
  CLI::App* command = AddCommand(
      root, "status",
      "Show the server's services, space and deduplication (exit code 75 if a "
      "service is not ready)",
      "cairn status --output-format json");
  command->callback([chosen] { *chosen = RunStatus; });
}

}  // namespace cairn::client
