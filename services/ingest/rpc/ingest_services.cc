#include "services/ingest/rpc/ingest_services.h"

#include "common/status/status_macros.h"
#include "services/ingest/rpc/authorization.h"

namespace cairn::ingest {

absl::Status IngestServices::Register(ServiceContext& context) {
  RETURN_IF_ERROR(context.AddGrpcService(
      &backup_, v1::BackupService::service_full_name(), BackupRows()));
  RETURN_IF_ERROR(context.AddGrpcService(
      &restore_, v1::RestoreService::service_full_name(), RestoreRows()));
  return context.AddGrpcService(
      &catalog_, v1::CatalogService::service_full_name(), CatalogRows());
}

}  // namespace cairn::ingest
