#pragma once

#include "absl/status/status.h"
#include "common/concurrency/executor.h"
#include "common/server/service.h"
#include "services/ingest/engine/ingest_engine.h"
#include "services/ingest/rpc/backup_service.h"
#include "services/ingest/rpc/catalog_service.h"
#include "services/ingest/rpc/restore_service.h"

namespace cairn::ingest {

// The three public services of one engine. Outlives the gRPC server that
// serves them.
class IngestServices {
 public:
  // Both, and the dispatcher, outlive the services. `reply_executor`: as
  // BackupServiceImpl says.
  IngestServices(IngestEngine* engine, Dispatcher* dispatcher,
                 Executor* reply_executor)
      : backup_(&engine->backup(), &engine->write_bandwidth(), dispatcher,
                reply_executor),
        restore_(&engine->restore(), &engine->read_bandwidth(), dispatcher),
        catalog_(&engine->catalog(), &engine->observer(), dispatcher) {}

  absl::Status Register(ServiceContext& context);

 private:
  BackupServiceImpl backup_;
  RestoreServiceImpl restore_;
  CatalogServiceImpl catalog_;
};

}  // namespace cairn::ingest
