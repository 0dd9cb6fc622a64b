#include "services/chunk_storage/client/local_chunk_client.h"

#include <memory>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/chunk_client_contract.h"
#include "services/chunk_storage/engine/repository_harness.h"

namespace cairn {
namespace {

class LocalFixture final : public ChunkClientFixture {
 public:
  explicit LocalFixture(bool kill) : kill_(kill) { Start(); }
  ChunkClient& client() override { return *client_; }
  void Restart() override {
    if (kill_) {
      harness_.Kill();
    } else {
      EXPECT_OK(harness_.Stop());
    }
    Start();
  }
  void Damage(const DatastoreRef& datastore, const RecordKey& key) override {
    harness_.Damage(datastore, key);
  }

 private:
  void Start() {
    EXPECT_OK(harness_.Start());
    client_ = std::make_unique<LocalChunkClient>(&harness_.repository());
  }

  const bool kill_;
  chunk_storage::RepositoryHarness harness_;
  std::unique_ptr<LocalChunkClient> client_;
};

INSTANTIATE_TEST_SUITE_P(
    Local, ChunkClientContract,
    ::testing::Values(
        ChunkClientFactory{
            "stopped", [] { return std::make_unique<LocalFixture>(false); }},
        ChunkClientFactory{
            "killed", [] { return std::make_unique<LocalFixture>(true); }}),
    [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace cairn
