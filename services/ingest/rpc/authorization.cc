#include "services/ingest/rpc/authorization.h"

#include <string>

namespace cairn::ingest {

std::vector<AuthorizationRow> BackupRows() {
  const std::string service = "cairn.ingest.v1.BackupService/";
  const DrainRule allow = DrainRule::kAllow;
  const DrainRule refuse = DrainRule::kRefuse;
  // A session's name does not say its group: the frontend looks at the group.
  const ScopeRule session = InDatastore({"name"});
  const ScopeRule stream = InDatastore({"begin.session"});
  return {
      {service + "GetCapabilities", kEveryRole, allow, Anything()},
      {service + "OpenSession", kWriters, refuse, Within({"group"})},
      {service + "GetSession", kEveryRole, allow, session},
      {service + "ListSessions", kEveryRole, allow, InDatastore({"datastore"})},
      {service + "RenewSession", kWriters, allow, session},
      {service + "WriteStream", kWriters, refuse, stream},
      {service + "WriteChunks", kWriters, refuse, stream},
      {service + "WriteRanges", kWriters, refuse,
       InDatastore({"begin.session"}, {"begin.base_snapshot"})},
      {service + "FinishSession", kWriters, allow, session},
      {service + "AbortSession", kWriters, allow, session},
  };
}

std::vector<AuthorizationRow> RestoreRows() {
  const std::string service = "cairn.ingest.v1.RestoreService/";
  const DrainRule refuse = DrainRule::kRefuse;
  return {
      {service + "ReadArchive", kEveryRole, refuse, Within({"name"})},
      {service + "ReadChunks", kEveryRole, refuse, Within({"name"})},
      {service + "DiffArchives", kEveryRole, refuse, Within({"base", "name"})},
  };
}

std::vector<AuthorizationRow> CatalogRows() {
  const std::string service = "cairn.ingest.v1.CatalogService/";
  const DrainRule allow = DrainRule::kAllow;
  const ScopeRule name = Within({"name"});
  const ScopeRule parent = Within({"parent"});
  const ScopeRule snapshots = InDatastore({"datastore"}, {"names"});
  return {
      // The frontend shows the datastore of the scope alone.
      {service + "ListDatastores", kEveryRole, allow, Anything()},
      {service + "CreateDatastore", kAdmins},
      {service + "ListNamespaces", kEveryRole, allow, parent},
      {service + "CreateNamespace", kOperators, allow, name},
      {service + "DeleteNamespace", kOperators, allow, name},
      {service + "ListGroups", kEveryRole, allow, parent},
      {service + "UpdateGroup", kWriters, allow, Within({"group.name"})},
      {service + "ListSnapshots", kEveryRole, allow, parent},
      {service + "GetSnapshot", kEveryRole, allow, name},
      {service + "UpdateSnapshot", kWriters, allow, Within({"snapshot.name"})},
      {service + "ForgetSnapshots", kOperators, allow, snapshots},
      {service + "UndeleteSnapshots", kOperators, allow, snapshots},
      // Of the datastore as a whole.
      {service + "ListLeases", kOperators, allow, Within({"datastore"})},
      {service + "GetStatus", kOperators, allow, Within({"datastore"})},
  };
}

}  // namespace cairn::ingest
