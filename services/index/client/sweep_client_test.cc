#include "gtest/gtest.h"
#include "services/index/client/index_under_test.h"
#include "services/index/client/sweep_client_contract.h"

// Both ways to index, in one file: the suite takes long to compile.
namespace cairn {
namespace {

INSTANTIATE_TEST_SUITE_P(Clients, IndexSweepContract,
                         ::testing::Values(LocalIndexFactory(),
                                           GrpcIndexFactory()),
                         [](const auto& instance) {
                           return instance.param.name;
                         });

}  // namespace
}  // namespace cairn
