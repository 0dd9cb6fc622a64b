#include "client/remote/grpc_task_status.h"

#include <grpcpp/support/status.h>

#include "common/rpc/status_conversion.h"

namespace cairn::client {

absl::Status StatusOfTask(const maintenance::v1::Task& task) {
  // What a call's trailing metadata would carry.
  return FromGrpcStatus(
      grpc::Status(static_cast<grpc::StatusCode>(task.status().code()),
                   task.status().message(), task.status().SerializeAsString()));
}

}  // namespace cairn::client
