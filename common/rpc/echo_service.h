#pragma once

#include <vector>

#include "cairn/testing/v1/echo_service.grpc.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"

namespace cairn {

// A service of all four shapes for the tests of the frame; see the comments
// of its proto. Thread-safe.
class EchoService final : public testing::v1::EchoService::CallbackService {
 public:
  // `dispatcher` outlives the service.
  explicit EchoService(Dispatcher* dispatcher) : dispatcher_(dispatcher) {}

  // Rows for all methods but Unlisted. Repeat is for administrators only and
  // ends when the server drains; Collect opens new work.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* Echo(grpc::CallbackServerContext* context,
                                 const testing::v1::EchoRequest* request,
                                 testing::v1::EchoResponse* response) override;
  grpc::ServerBidiReactor<testing::v1::EchoRequest, testing::v1::EchoResponse>*
  EchoStream(grpc::CallbackServerContext* context) override;
  grpc::ServerReadReactor<testing::v1::EchoRequest>* Collect(
      grpc::CallbackServerContext* context,
      testing::v1::EchoResponse* response) override;
  grpc::ServerWriteReactor<testing::v1::EchoResponse>* Repeat(
      grpc::CallbackServerContext* context,
      const testing::v1::EchoRequest* request) override;
  grpc::ServerUnaryReactor* Unlisted(
      grpc::CallbackServerContext* context,
      const testing::v1::EchoRequest* request,
      testing::v1::EchoResponse* response) override;

 private:
  Dispatcher* const dispatcher_;
};

}  // namespace cairn
