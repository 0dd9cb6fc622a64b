#pragma once

#include "common/server/health_board.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace cairn {

// grpc.health.v1 over a board, open to every caller: it tells no more than a
// name and a state. Its methods do not block and so need no dispatcher.
// Thread-safe.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  // `board` outlives the service.
  explicit HealthService(HealthBoard* board) : board_(board) {}

  grpc::ServerUnaryReactor* Check(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request,
      grpc::health::v1::HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  HealthBoard* const board_;
};

}  // namespace cairn
