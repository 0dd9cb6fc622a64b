#include "services/ingest/rpc/catalog_service.h"

#include "common/config/version.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/lease.h"
#include "common/wire/scalars.h"
#include "common/wire/snapshot.h"
#include "services/ingest/rpc/catalog_queries.h"

namespace cairn::ingest {
namespace {

void WriteService(const ServiceStatus& status,
                  v1::GetStatusResponse::ServiceStatus& proto) {
  proto.set_name(status.name);
  proto.set_ready(status.ready);
  proto.set_problem(status.problem);
  proto.set_incarnation(status.incarnation);
}

void WriteDatastore(const DatastoreStatus& status,
                    v1::GetStatusResponse::DatastoreStatus& proto) {
  proto.set_name(DatastoreNameToProto(status.name));
  proto.set_epoch(status.epoch);
  proto.set_sweep_token(status.sweep_token);
  proto.set_snapshot_count(status.snapshot_count);
  proto.set_logical_bytes(status.logical_bytes);
  proto.set_trash_count(status.trash_count);
  proto.set_trash_bytes(status.trash_bytes);
  proto.set_stored_bytes(status.stored_bytes);
  proto.set_record_count(status.record_count);
  proto.set_damaged_record_count(status.damaged_record_count);
  proto.set_pack_count(status.pack_count);
  proto.set_free_bytes(status.free_bytes);
  proto.set_open_sessions(status.open_sessions);
  proto.set_live_leases(status.live_leases);
}

}  // namespace

grpc::ServerUnaryReactor* CatalogServiceImpl::ListDatastores(
    grpc::CallbackServerContext* context,
    const v1::ListDatastoresRequest* request,
    v1::ListDatastoresResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const ListPage<Datastore> page,
                         frontend_->ListDatastores(call, ReadPage(*request)));
        for (const Datastore& item : page.items) {
          *response->add_datastores() = ToProto(item);
        }
        response->set_next_page_token(page.next_page_token);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::CreateDatastore(
    grpc::CallbackServerContext* context,
    const v1::CreateDatastoreRequest* request,
    v1::CreateDatastoreResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const CreateDatastoreChange change,
                         ReadChange(*request));
        ASSIGN_OR_RETURN(const Datastore datastore,
                         frontend_->CreateDatastore(call, change));
        *response->mutable_datastore() = ToProto(datastore);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListNamespaces(
    grpc::CallbackServerContext* context,
    const v1::ListNamespacesRequest* request,
    v1::ListNamespacesResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const NamespaceQuery query, ReadQuery(*request));
        ASSIGN_OR_RETURN(
            const ListPage<Namespace> page,
            frontend_->ListNamespaces(call, query, ReadPage(*request)));
        for (const Namespace& item : page.items) {
          *response->add_namespaces() = ToProto(item);
        }
        response->set_next_page_token(page.next_page_token);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::CreateNamespace(
    grpc::CallbackServerContext* context,
    const v1::CreateNamespaceRequest* request,
    v1::CreateNamespaceResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const CreateNamespaceChange change,
                         ReadChange(*request));
        ASSIGN_OR_RETURN(const Namespace created,
                         frontend_->CreateNamespace(call, change));
        *response->mutable_namespace_() = ToProto(created);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::DeleteNamespace(
    grpc::CallbackServerContext* context,
    const v1::DeleteNamespaceRequest* request, v1::DeleteNamespaceResponse*) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DeleteNamespaceChange change,
                         ReadChange(*request));
        return frontend_->DeleteNamespace(call, change);
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListGroups(
    grpc::CallbackServerContext* context, const v1::ListGroupsRequest* request,
    v1::ListGroupsResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const GroupQuery query, ReadQuery(*request));
        ASSIGN_OR_RETURN(
            const ListPage<Group> page,
            frontend_->ListGroups(call, query, ReadPage(*request)));
        for (const Group& item : page.items) {
          *response->add_groups() = ToProto(item);
        }
        response->set_next_page_token(page.next_page_token);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::UpdateGroup(
    grpc::CallbackServerContext* context, const v1::UpdateGroupRequest* request,
    v1::UpdateGroupResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const UpdateGroupChange change, ReadChange(*request));
        ASSIGN_OR_RETURN(const Group group,
                         frontend_->UpdateGroup(call, change));
        *response->mutable_group() = ToProto(group);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListSnapshots(
    grpc::CallbackServerContext* context,
    const v1::ListSnapshotsRequest* request,
    v1::ListSnapshotsResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SnapshotQuery query, ReadQuery(*request));
        ASSIGN_OR_RETURN(
            const ListPage<Snapshot> page,
            frontend_->ListSnapshots(call, query, ReadPage(*request)));
        for (const Snapshot& item : page.items) {
          *response->add_snapshots() = ToProto(item);
        }
        response->set_next_page_token(page.next_page_token);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::GetSnapshot(
    grpc::CallbackServerContext* context, const v1::GetSnapshotRequest* request,
    v1::GetSnapshotResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SnapshotName name,
                         NameFromProto<SnapshotName>("name", request->name()));
        ASSIGN_OR_RETURN(const Snapshot snapshot,
                         frontend_->GetSnapshot(call, name));
        *response->mutable_snapshot() = ToProto(snapshot);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::UpdateSnapshot(
    grpc::CallbackServerContext* context,
    const v1::UpdateSnapshotRequest* request,
    v1::UpdateSnapshotResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const UpdateSnapshotChange change,
                         ReadChange(*request));
        ASSIGN_OR_RETURN(const Snapshot snapshot,
                         frontend_->UpdateSnapshot(call, change));
        *response->mutable_snapshot() = ToProto(snapshot);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ForgetSnapshots(
    grpc::CallbackServerContext* context,
    const v1::ForgetSnapshotsRequest* request,
    v1::ForgetSnapshotsResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const CatalogFrontend::ForgetRequest forget,
                         ReadChange(*request));
        ASSIGN_OR_RETURN(const absl::Time until,
                         frontend_->ForgetSnapshots(call, forget));
        *response->mutable_trash_until() = TimeToProto(until);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::UndeleteSnapshots(
    grpc::CallbackServerContext* context,
    const v1::UndeleteSnapshotsRequest* request,
    v1::UndeleteSnapshotsResponse*) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const UndeleteSnapshotsChange change,
                         ReadChange(*request));
        return frontend_->UndeleteSnapshots(call, change);
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::ListLeases(
    grpc::CallbackServerContext* context, const v1::ListLeasesRequest* request,
    v1::ListLeasesResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(
            const std::string datastore,
            DatastoreNameFromProto("datastore", request->datastore()));
        ASSIGN_OR_RETURN(
            const ListPage<Lease> page,
            frontend_->ListLeases(call, datastore, ReadPage(*request)));
        for (const Lease& item : page.items) {
          *response->add_leases() = ToProto(item);
        }
        response->set_next_page_token(page.next_page_token);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* CatalogServiceImpl::GetStatus(
    grpc::CallbackServerContext* context, const v1::GetStatusRequest* request,
    v1::GetStatusResponse* response) {
  return dispatcher_->Serve(
      context, request, [=, this](const Call& call) -> absl::Status {
        std::string datastore;
        if (!request->datastore().empty()) {
          ASSIGN_OR_RETURN(datastore, DatastoreNameFromProto(
                                          "datastore", request->datastore()));
        }
        ASSIGN_OR_RETURN(const SuiteStatus status,
                         observer_->Observe(call, datastore));
        response->set_server_version(kVersion);
        for (const ServiceStatus& service : status.services) {
          WriteService(service, *response->add_services());
        }
        for (const DatastoreStatus& item : status.datastores) {
          WriteDatastore(item, *response->add_datastores());
        }
        return absl::OkStatus();
      });
}

}  // namespace cairn::ingest
