#include "services/ingest/rpc/authorization.h"

#include <string>

namespace cairn::ingest {

std::vector<AuthorizationRow> AuthorizationRows() {
  const std::string backup = "cairn.ingest.v1.BackupService/";
  const std::string restore = "cairn.ingest.v1.RestoreService/";
  const std::string catalog = "cairn.ingest.v1.CatalogService/";
  return {
      {backup + "GetCapabilities", kEveryRole},
      {backup + "OpenSession", kEveryRole, DrainRule::kRefuse},
      {backup + "GetSession", kEveryRole},
      {backup + "ListSessions", kEveryRole},
      {backup + "RenewSession", kEveryRole},
      {backup + "WriteStream", kEveryRole, DrainRule::kRefuse},
      {backup + "FinishSession", kEveryRole},
      {backup + "AbortSession", kEveryRole},
      {restore + "ReadArchive", kEveryRole, DrainRule::kRefuse},
      {catalog + "ListDatastores", kEveryRole},
      {catalog + "CreateDatastore", kAdminsAndServices},
      {catalog + "ListNamespaces", kEveryRole},
      {catalog + "CreateNamespace", kAdminsAndServices},
      {catalog + "DeleteNamespace", kAdminsAndServices},
      {catalog + "ListGroups", kEveryRole},
      {catalog + "UpdateGroup", kEveryRole},
      {catalog + "ListSnapshots", kEveryRole},
      {catalog + "GetSnapshot", kEveryRole},
      {catalog + "UpdateSnapshot", kEveryRole},
      {catalog + "ListLeases", kAdminsAndServices},
      {catalog + "GetStatus", kAdminsAndServices},
  };
}

}  // namespace cairn::ingest
