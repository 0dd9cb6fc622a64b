#include "common/rpc/bearer_sender.h"

#include "absl/strings/str_cat.h"

namespace cairn {
namespace {

using grpc::experimental::ClientInterceptorFactoryInterface;
using grpc::experimental::ClientRpcInfo;
using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;

class BearerSender final : public Interceptor {
 public:
  // `value` outlives the call.
  explicit BearerSender(const std::string* value) : value_(value) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(
            InterceptionHookPoints::PRE_SEND_INITIAL_METADATA)) {
      methods->GetSendInitialMetadata()->insert({"authorization", *value_});
    }
    methods->Proceed();
  }

 private:
  const std::string* const value_;
};

// Owned by the channel, which outlives its calls.
class Factory final : public ClientInterceptorFactoryInterface {
 public:
  explicit Factory(const std::string& token)
      : value_(absl::StrCat("Bearer ", token)) {}

  Interceptor* CreateClientInterceptor(ClientRpcInfo*) override {
    return new BearerSender(&value_);
  }

 private:
  const std::string value_;
};

}  // namespace

std::unique_ptr<ClientInterceptorFactoryInterface> NewBearerSender(
    const std::string& token) {
  return std::make_unique<Factory>(token);
}

}  // namespace cairn
