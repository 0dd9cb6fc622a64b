#include "services/maintenance/client/local_lease_client.h"

#include <memory>

#include "services/maintenance/client/lease_client_contract.h"

namespace cairn {
namespace {

class LocalFixture final : public LeaseClientFixture {
 public:
  LocalFixture() {
    EXPECT_OK(suite_.Start());
    client_ = std::make_unique<LocalLeaseClient>(
        suite_.coordinator.get(), Caller{.kind = CallerKind::kLocal,
                                         .role = CallerRole::kMaintenance,
                                         .principal = "test@service"});
  }
  LeaseClient& client() override { return *client_; }
  maintenance::FakeSuite& suite() override { return suite_; }

 private:
  maintenance::FakeSuite suite_;
  std::unique_ptr<LocalLeaseClient> client_;
};

INSTANTIATE_TEST_SUITE_P(
    Local, LeaseClientContract,
    ::testing::Values(LeaseClientFactory{
        "Local", [] { return std::make_unique<LocalFixture>(); }}),
    [](const auto& factory) { return factory.param.name; });

}  // namespace
}  // namespace cairn
