#include "common/rpc/echo_service.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/synchronization/notification.h"
#include "common/concurrency/cancellation.h"
#include "common/model/call.h"

namespace cairn {
namespace {

using ::cairn::testing::v1::EchoRequest;
using ::cairn::testing::v1::EchoResponse;

constexpr uint32_t kMaxPadding = 1024 * 1024;
// And one service.
constexpr RoleSet kPeopleAndIngest = {CallerRole::kReader, CallerRole::kBackup,
                                      CallerRole::kOperator, CallerRole::kAdmin,
                                      CallerRole::kIngest};

EchoResponse Answer(const Call& call, const EchoRequest& request) {
  EchoResponse response;
  response.set_text(request.text());
  response.set_principal(call.caller.principal);
  response.set_caller_kind(static_cast<uint32_t>(call.caller.kind));
  response.set_caller_role(static_cast<uint32_t>(call.caller.role));
  response.set_trace_parent(call.trace_parent);
  response.set_padding(
      std::string(std::min(request.padding_bytes(), kMaxPadding), 'x'));
  return response;
}

// Fails or waits as the request says.
absl::Status Obey(const Call& call, const EchoRequest& request) {
  if (request.wait_for_cancellation()) {
    absl::Notification cancelled;
    const auto callback =
        call.cancellation->AddCallback([&] { cancelled.Notify(); });
    cancelled.WaitForNotification();
    call.cancellation->RemoveCallback(callback);
    return call.cancellation->Check();
  }
  if (request.fail_code() == 0) return absl::OkStatus();
  return absl::Status(static_cast<absl::StatusCode>(request.fail_code()),
                      request.text());
}

}  // namespace

std::vector<AuthorizationRow> EchoService::Authorization() {
  const std::string service = "cairn.testing.v1.EchoService/";
  return {
      {service + "Echo", kPeopleAndIngest, DrainRule::kAllow, Within({"text"})},
      {service + "EchoStream", kEveryRole, DrainRule::kAllow, Within({"text"})},
      {service + "Collect", kEveryRole, DrainRule::kRefuse},
      {service + "Repeat", kOperators, DrainRule::kEnd, InDatastore({"text"})},
  };
}

grpc::ServerUnaryReactor* EchoService::Echo(
    grpc::CallbackServerContext* context, const EchoRequest* request,
    EchoResponse* response) {
  return dispatcher_->Serve(context, request, [=](const Call& call) {
    *response = Answer(call, *request);
    return Obey(call, *request);
  });
}

grpc::ServerBidiReactor<EchoRequest, EchoResponse>* EchoService::EchoStream(
    grpc::CallbackServerContext* context) {
  return dispatcher_->ServeBidi<EchoRequest, EchoResponse>(
      context,
      [](const Call& call, ServerStream<EchoRequest, EchoResponse>& stream) {
        EchoRequest request;
        while (stream.Read(&request)) {
          absl::Status status = Obey(call, request);
          if (!status.ok()) return status;
          if (!stream.Write(Answer(call, request))) break;
        }
        return call.cancellation->Check();
      });
}

grpc::ServerReadReactor<EchoRequest>* EchoService::Collect(
    grpc::CallbackServerContext* context, EchoResponse* response) {
  return dispatcher_->ServeClientStream<EchoRequest>(
      context,
      [response](const Call& call, MessageReader<EchoRequest>& messages) {
        EchoRequest request;
        uint32_t count = 0;
        while (messages.Read(&request)) {
          absl::Status status = Obey(call, request);
          if (!status.ok()) return status;
          ++count;
        }
        response->set_count(count);
        return call.cancellation->Check();
      });
}

grpc::ServerWriteReactor<EchoResponse>* EchoService::Repeat(
    grpc::CallbackServerContext* context, const EchoRequest* request) {
  return dispatcher_->ServeServerStream<EchoResponse>(
      context, request,
      [request](const Call& call, MessageWriter<EchoResponse>& messages) {
        for (uint32_t i = 0; i < request->count(); ++i) {
          EchoResponse response = Answer(call, *request);
          response.set_count(i);
          if (!messages.Write(std::move(response))) break;
        }
        absl::Status status = Obey(call, *request);
        return status.ok() ? call.cancellation->Check() : status;
      });
}

grpc::ServerUnaryReactor* EchoService::Unlisted(
    grpc::CallbackServerContext* context, const EchoRequest* request,
    EchoResponse* response) {
  return Echo(context, request, response);
}

}  // namespace cairn
