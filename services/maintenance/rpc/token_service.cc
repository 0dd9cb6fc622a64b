#include "services/maintenance/rpc/token_service.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/call.h"
#include "common/status/status_macros.h"
#include "common/text/quote.h"
#include "common/token/token_text.h"
#include "common/wire/scalars.h"
#include "common/wire/token.h"

namespace cairn::maintenance {
namespace {

constexpr size_t kMaxVersionBytes = 64;
constexpr size_t kMaxTablePageTokenBytes = 128;

v1::TokenState ToProto(TokenState state) {
  switch (state) {
    case TokenState::kActive:
      return v1::TOKEN_STATE_ACTIVE;
    case TokenState::kExpired:
      return v1::TOKEN_STATE_EXPIRED;
    case TokenState::kRevoked:
      return v1::TOKEN_STATE_REVOKED;
  }
  return v1::TOKEN_STATE_UNSPECIFIED;
}

v1::Token ToProto(const TokenView& view) {
  const Token& token = view.token;
  v1::Token proto;
  proto.set_id(FormatTokenId(token.id));
  proto.set_name(token.name);
  proto.set_role(cairn::ToProto(token.role));
  proto.set_scope(token.scope);
  *proto.mutable_create_time() = TimeToProto(token.create_time);
  if (token.expire_time != absl::InfiniteFuture()) {
    *proto.mutable_expire_time() = TimeToProto(token.expire_time);
  }
  if (token.revoke_time.has_value()) {
    *proto.mutable_revoke_time() = TimeToProto(*token.revoke_time);
  }
  proto.set_created_by(token.created_by);
  proto.set_state(ToProto(view.state));
  return proto;
}

absl::StatusOr<TokenRequest> Decode(const Call& call,
                                    const v1::CreateTokenRequest& proto) {
  TokenRequest request;
  request.request_id = proto.request_id();
  request.name = proto.name();
  ASSIGN_OR_RETURN(request.role, TokenRoleFromProto("role", proto.role()));
  request.scope = proto.scope();
  request.created_by = call.caller.principal;
  if (proto.has_lifetime() && proto.never_expires()) {
    return absl::InvalidArgumentError(
        "lifetime and never_expires are both set, one of them is allowed");
  }
  if (proto.never_expires()) request.lifetime = absl::InfiniteDuration();
  if (proto.has_lifetime()) {
    ASSIGN_OR_RETURN(request.lifetime,
                     DurationFromProto("lifetime", proto.lifetime()));
  }
  return request;
}

absl::StatusOr<TokenSelector> Decode(const v1::RevokeTokenRequest& proto) {
  if (proto.id().empty() == proto.name().empty()) {
    return absl::InvalidArgumentError(
        "one of id and name must be set, and not both");
  }
  TokenSelector selector = {.name = proto.name()};
  if (proto.id().empty()) return selector;
  selector.id = ParseTokenId(proto.id());
  if (selector.id.has_value()) return selector;
  return absl::InvalidArgumentError(
      absl::StrCat("id is ", Quote(proto.id()), ", allowed are ", kTokenIdChars,
                   " characters of base64url, as ListTokens gives them"));
}

}  // namespace

std::vector<AuthorizationRow> TokenServiceImpl::Authorization() {
  const std::string service = "cairn.maintenance.v1.TokenService/";
  return {
      {service + "CreateToken", kAdmins},
      {service + "ListTokens", kAdmins},
      {service + "RevokeToken", kAdmins},
      {service + "ReadTokenTable", kIngestCalls},
  };
}

grpc::ServerUnaryReactor* TokenServiceImpl::CreateToken(
    grpc::CallbackServerContext* context, const v1::CreateTokenRequest* request,
    v1::CreateTokenResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const TokenRequest decoded, Decode(call, *request));
        ASSIGN_OR_RETURN(CreatedToken created, tokens_->Create(call, decoded));
        *response->mutable_token() = ToProto(created.view);
        response->set_text(std::move(created.text));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TokenServiceImpl::ListTokens(
    grpc::CallbackServerContext* context, const v1::ListTokensRequest* request,
    v1::ListTokensResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(ListPage<TokenView> page,
                         tokens_->List(call, request->active_only(),
                                       {.page_size = request->page_size(),
                                        .page_token = request->page_token()}));
        for (const TokenView& view : page.items) {
          *response->add_tokens() = ToProto(view);
        }
        response->set_next_page_token(std::move(page.next_page_token));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TokenServiceImpl::RevokeToken(
    grpc::CallbackServerContext* context, const v1::RevokeTokenRequest* request,
    v1::RevokeTokenResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const TokenSelector selector, Decode(*request));
        ASSIGN_OR_RETURN(const TokenView view, tokens_->Revoke(call, selector));
        *response->mutable_token() = ToProto(view);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* TokenServiceImpl::ReadTokenTable(
    grpc::CallbackServerContext* context,
    const v1::ReadTokenTableRequest* request,
    v1::ReadTokenTableResponse* response) {
  return dispatcher_->Serve(context, [=, this](const Call&) -> absl::Status {
    RETURN_IF_ERROR(CheckTextLength("known_version", request->known_version(),
                                    kMaxVersionBytes));
    RETURN_IF_ERROR(CheckTextLength("page_token", request->page_token(),
                                    kMaxTablePageTokenBytes));
    ASSIGN_OR_RETURN(TokenPage page, tokens_->Read(request->known_version(),
                                                   request->page_token()));
    response->set_version(std::move(page.copy.version));
    response->set_unchanged(page.copy.unchanged);
    for (const TokenEntry& entry : page.copy.entries) {
      *response->add_entries() = cairn::ToProto(entry);
    }
    response->set_next_page_token(std::move(page.next_page_token));
    return absl::OkStatus();
  });
}

}  // namespace cairn::maintenance
