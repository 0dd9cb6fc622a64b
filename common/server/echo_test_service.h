#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "cairn/testing/v1/echo_service.grpc.pb.h"
#include "common/rpc/echo_service.h"
#include "common/rpc/token_directory.h"
#include "common/server/service.h"

namespace cairn {

// The echo service as a service of a server. Methods as EchoService::
// Authorization says, and Unlisted for services only.
class EchoTestService final : public Service {
 public:
  // What a test may set and see; outlives the service.
  struct Probe {
    std::function<absl::Status()> dependency;
    absl::Status start_status;
    TokenDirectory* tokens = nullptr;  // given to the server if set
    bool drained = false;
    bool stopped = false;
  };
  explicit EchoTestService(Probe* probe) : probe_(probe) {}

  std::string name() const override { return "echo"; }

  absl::Status Start(ServiceContext& context) override {
    if (!probe_->start_status.ok()) return probe_->start_status;
    service_ = std::make_unique<EchoService>(context.dispatcher());
    if (probe_->dependency) {
      context.AddReadinessProbe("dependency", probe_->dependency);
    }
    if (probe_->tokens != nullptr) context.SetTokenDirectory(probe_->tokens);
    std::vector<AuthorizationRow> rows = EchoService::Authorization();
    rows.push_back({"cairn.testing.v1.EchoService/Unlisted",
                    RoleSet{CallerRole::kIngest}});
    return context.AddGrpcService(
        service_.get(), testing::v1::EchoService::service_full_name(), rows);
  }
  void Drain() override { probe_->drained = true; }
  void Stop() override { probe_->stopped = true; }

 private:
  Probe* const probe_;
  std::unique_ptr<EchoService> service_;
};

}  // namespace cairn
