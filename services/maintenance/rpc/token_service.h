#pragma once

#include <vector>

#include "cairn/maintenance/v1/token_service.grpc.pb.h"
#include "common/rpc/authorization_table.h"
#include "common/rpc/dispatcher.h"
#include "services/maintenance/engine/token_book.h"

namespace cairn::maintenance {

// TokenService over gRPC: decodes, makes one call of the engine, encodes.
// Thread-safe.
class TokenServiceImpl final : public v1::TokenService::CallbackService {
 public:
  // Both outlive the service.
  TokenServiceImpl(Dispatcher* dispatcher, TokenBook* tokens)
      : dispatcher_(dispatcher), tokens_(tokens) {}

  // Administrators; ReadTokenTable is for ingest, which is an administrator
  // where services meet on unix sockets or loopback.
  static std::vector<AuthorizationRow> Authorization();

  grpc::ServerUnaryReactor* CreateToken(
      grpc::CallbackServerContext* context,
      const v1::CreateTokenRequest* request,
      v1::CreateTokenResponse* response) override;
  grpc::ServerUnaryReactor* ListTokens(
      grpc::CallbackServerContext* context,
      const v1::ListTokensRequest* request,
      v1::ListTokensResponse* response) override;
  grpc::ServerUnaryReactor* RevokeToken(
      grpc::CallbackServerContext* context,
      const v1::RevokeTokenRequest* request,
      v1::RevokeTokenResponse* response) override;
  grpc::ServerUnaryReactor* ReadTokenTable(
      grpc::CallbackServerContext* context,
      const v1::ReadTokenTableRequest* request,
      v1::ReadTokenTableResponse* response) override;

 private:
  Dispatcher* const dispatcher_;
  TokenBook* const tokens_;
};

}  // namespace cairn::maintenance
