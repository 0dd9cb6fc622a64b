#include "services/cairnd/embedded_service.h"

#include <utility>

namespace cairn::cairnd {

class EmbeddedService::Context final : public ServiceContext {
 public:
  explicit Context(ServiceContext* context) : context_(context) {}

  Dispatcher* dispatcher() override { return context_->dispatcher(); }
  MetricRegistry* metrics() override { return context_->metrics(); }
  const Clock* clock() override { return context_->clock(); }
  Executor* executor() override { return context_->executor(); }
  FatalErrorSink* fatal_errors() override { return context_->fatal_errors(); }
  absl::Status AddGrpcService(grpc::Service*, std::string_view,
                              std::span<const AuthorizationRow>) override {
    return absl::OkStatus();
  }
  void AddReadinessProbe(std::string name, ReadinessProbe probe) override {
    context_->AddReadinessProbe(std::move(name), std::move(probe));
  }

 private:
  ServiceContext* const context_;
};

EmbeddedService::EmbeddedService(std::unique_ptr<Service> service)
    : service_(std::move(service)) {}

EmbeddedService::~EmbeddedService() = default;

absl::Status EmbeddedService::Start(ServiceContext& context) {
  context_ = std::make_unique<Context>(&context);
  return service_->Start(*context_);
}

void EmbeddedService::Stop() { service_->Stop(); }

}  // namespace cairn::cairnd
