#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/server/service.h"

namespace cairn::cairnd {

// A service that only the others of its process call: what it would serve
// over gRPC is not served, all else is as it is alone.
class EmbeddedService final : public Service {
 public:
  explicit EmbeddedService(std::unique_ptr<Service> service);
  ~EmbeddedService() override;

  std::string name() const override { return service_->name(); }
  absl::Status Start(ServiceContext& context) override;
  void Drain() override { service_->Drain(); }
  void Stop() override;

 private:
  class Context;
  // Goes after the service that was lent it.
  std::unique_ptr<Context> context_;
  const std::unique_ptr<Service> service_;
};

}  // namespace cairn::cairnd
