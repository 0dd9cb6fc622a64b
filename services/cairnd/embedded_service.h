#pragma once

#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "common/server/service.h"

namespace cairn::cairnd {

// A service that the others of its process call: of what it would serve over
// gRPC only what is named is served, all else is as it is alone.
class EmbeddedService final : public Service {
 public:
  // `served`: full names of gRPC services.
  explicit EmbeddedService(std::unique_ptr<Service> service,
                           std::set<std::string> served = {});
  ~EmbeddedService() override;

  std::string name() const override { return service_->name(); }
  absl::Status Start(ServiceContext& context) override;
  absl::Status Reload() override { return service_->Reload(); }
  void Drain() override { service_->Drain(); }
  void Stop() override;

 private:
  class Context;
  // Goes after the service that was lent it.
  std::unique_ptr<Context> context_;
  const std::unique_ptr<Service> service_;
  const std::set<std::string> served_;
};

}  // namespace cairn::cairnd
