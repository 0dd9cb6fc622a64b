#include "services/ingest/rpc/authorization.h"

#include <string>

namespace cairn::ingest {

std::vector<AuthorizationRow> BackupRows() {
  const std::string service = "cairn.ingest.v1.BackupService/";
  return {
      {service + "GetCapabilities", kEveryRole},
      {service + "OpenSession", kEveryRole, DrainRule::kRefuse},
      {service + "GetSession", kEveryRole},
      {service + "ListSessions", kEveryRole},
      {service + "RenewSession", kEveryRole},
      {service + "WriteStream", kEveryRole, DrainRule::kRefuse},
      {service + "WriteChunks", kEveryRole, DrainRule::kRefuse},
      {service + "WriteRanges", kEveryRole, DrainRule::kRefuse},
      {service + "FinishSession", kEveryRole},
      {service + "AbortSession", kEveryRole},
  };
}

std::vector<AuthorizationRow> RestoreRows() {
  const std::string service = "cairn.ingest.v1.RestoreService/";
  return {
      {service + "ReadArchive", kEveryRole, DrainRule::kRefuse},
      {service + "ReadChunks", kEveryRole, DrainRule::kRefuse},
      {service + "DiffArchives", kEveryRole, DrainRule::kRefuse},
  };
}

std::vector<AuthorizationRow> CatalogRows() {
  const std::string service = "cairn.ingest.v1.CatalogService/";
  return {
      {service + "ListDatastores", kEveryRole},
      {service + "CreateDatastore", kAdminsAndServices},
      {service + "ListNamespaces", kEveryRole},
      {service + "CreateNamespace", kAdminsAndServices},
      {service + "DeleteNamespace", kAdminsAndServices},
      {service + "ListGroups", kEveryRole},
      {service + "UpdateGroup", kEveryRole},
      {service + "ListSnapshots", kEveryRole},
      {service + "GetSnapshot", kEveryRole},
      {service + "UpdateSnapshot", kEveryRole},
      {service + "ForgetSnapshots", kEveryRole},
      {service + "UndeleteSnapshots", kEveryRole},
      {service + "ListLeases", kAdminsAndServices},
      {service + "GetStatus", kAdminsAndServices},
  };
}

}  // namespace cairn::ingest
