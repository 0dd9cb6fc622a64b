#include "services/cairnd/embedded_service.h"

#include <utility>

namespace cairn::cairnd {

class EmbeddedService::Context final : public ServiceContext {
 public:
  // Both outlive this.
  Context(ServiceContext* context, const std::set<std::string>* served)
      : context_(context), served_(served) {}

  Dispatcher* dispatcher() override { return context_->dispatcher(); }
  MetricRegistry* metrics() override { return context_->metrics(); }
  const Clock* clock() override { return context_->clock(); }
  Executor* executor() override { return context_->executor(); }
  FatalErrorSink* fatal_errors() override { return context_->fatal_errors(); }
  absl::Status AddGrpcService(grpc::Service* service,
                              std::string_view full_name,
                              std::span<const AuthorizationRow> rows) override {
    if (!served_->contains(std::string(full_name))) return absl::OkStatus();
    return context_->AddGrpcService(service, full_name, rows);
  }
  void AddReadinessProbe(std::string name, ReadinessProbe probe) override {
    context_->AddReadinessProbe(std::move(name), std::move(probe));
  }
  void SetTokenDirectory(TokenDirectory* directory) override {
    context_->SetTokenDirectory(directory);
  }

 private:
  ServiceContext* const context_;
  const std::set<std::string>* const served_;
};

EmbeddedService::EmbeddedService(std::unique_ptr<Service> service,
                                 std::set<std::string> served)
    : service_(std::move(service)), served_(std::move(served)) {}

EmbeddedService::~EmbeddedService() = default;

absl::Status EmbeddedService::Start(ServiceContext& context) {
  context_ = std::make_unique<Context>(&context, &served_);
  return service_->Start(*context_);
}

void EmbeddedService::Stop() { service_->Stop(); }

}  // namespace cairn::cairnd
