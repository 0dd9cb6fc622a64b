#include "services/chunk_storage/client/fake_chunk_client.h"

#include <memory>
#include <vector>

#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/chunk_client_contract.h"

namespace cairn {
namespace {

class FakeFixture final : public ChunkClientFixture {
 public:
  ChunkClient& client() override { return client_; }
  void Restart() override { client_.Restart(); }
  void Damage(const DatastoreRef& datastore, const RecordKey& key) override {
    client_.Damage(datastore, key);
  }

 private:
  FakeChunkClient client_;
};

INSTANTIATE_TEST_SUITE_P(Fake, ChunkClientContract,
                         ::testing::Values(ChunkClientFactory{
                             "fake",
                             [] { return std::make_unique<FakeFixture>(); }}));

TEST(FakeChunkClientTest, APowerCutKeepsWhatWasSynced) {
  FakeChunkClient client;
  const DatastoreRef datastore = {Uuid{{1}}, 1};
  const SessionRef session = {datastore, Uuid{{2}}, 3};
  ASSERT_OK(client.EnsureDatastore(Call(), datastore));
  const Record kept = PlainRecord(RecordKind::kChunk, "kept");
  const Record lost = PlainRecord(RecordKind::kChunk, "lost");
  ASSERT_OK(client.Put(Call(), session, {kept}));
  ASSERT_OK(client.Sync(Call(), session, 1));
  ASSERT_OK(client.Put(Call(), session, {lost}));
  client.PowerCut();
  const std::vector<RecordKey> keys = {kept.key, lost.key};
  ASSERT_OK_AND_ASSIGN(const PinReply reply, client.Pin(Call(), session, keys));
  EXPECT_THAT(reply.present, ::testing::ElementsAre(true, false));
  EXPECT_EQ(reply.incarnation, 2u);
}

}  // namespace
}  // namespace cairn
