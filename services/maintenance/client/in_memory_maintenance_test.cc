#include "services/maintenance/client/in_memory_maintenance.h"

#include <memory>
#include <random>

#include "common/testing/seed.h"
#include "services/maintenance/client/lease_client_contract.h"

namespace cairn {
namespace {

class InMemoryFixture final : public LeaseClientFixture {
 public:
  InMemoryFixture()
      : maintenance_({.clock = &suite_.clock,
                      .executor = &suite_.executor,
                      .catalog = &suite_.index,
                      .fence = &suite_.index,
                      .chunks = &suite_.chunks}) {}
  LeaseClient& client() override { return maintenance_.client(); }
  maintenance::FakeSuite& suite() override { return suite_; }
  InMemoryMaintenance& maintenance() { return maintenance_; }

 private:
  maintenance::FakeSuite suite_;
  InMemoryMaintenance maintenance_;
};

INSTANTIATE_TEST_SUITE_P(
    InMemory, LeaseClientContract,
    ::testing::Values(LeaseClientFactory{
        "InMemory", [] { return std::make_unique<InMemoryFixture>(); }}),
    [](const auto& factory) { return factory.param.name; });

TEST(InMemoryMaintenanceTest, LeasesOutliveRestartsAndPowerCuts) {
  std::mt19937_64 random(TestSeed());
  InMemoryFixture fixture;
  const Call call;
  using Suite = maintenance::FakeSuite;
  ASSERT_OK(fixture.client().Acquire(
      call, fixture.suite().Request(1, {Suite::Exclusive(Suite::Group(1))})));
  fixture.maintenance().Restart();
  ASSERT_OK(fixture.client().Renew(call, "main", Suite::Id(1)));
  fixture.maintenance().PowerCut(random);
  ASSERT_OK(fixture.client().Renew(call, "main", Suite::Id(1)));
}

}  // namespace
}  // namespace cairn
