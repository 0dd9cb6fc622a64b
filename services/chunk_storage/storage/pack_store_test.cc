#include "services/chunk_storage/storage/pack_store.h"

#include <memory>
#include <vector>

#include "common/testing/in_memory_file_system.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::chunk_storage {
namespace {

Uuid Numbered(uint16_t number) {
  return {{static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)}};
}

class PackStoreTest : public ::testing::Test {
 protected:
  PackStoreTest() { Open(); }
  void Open() {
    auto opened = PackStore::Open(&files_, "/data/datastores");
    EXPECT_OK(opened);
    store_ = *std::move(opened);
  }

  InMemoryFileSystem files_;
  std::unique_ptr<PackStore> store_;
  const Uuid datastore_ = Numbered(7);
};

TEST_F(PackStoreTest, ListsDatastoresAndPacksAndNothingElse) {
  ASSERT_OK(store_->CreateDatastore(Numbered(9)));
  ASSERT_OK(store_->CreateDatastore(datastore_));
  ASSERT_OK(store_->CreatePack(datastore_, Numbered(2)));
  ASSERT_OK(store_->CreatePack(datastore_, Numbered(1)));
  const std::string directory =
      "/data/datastores/" + datastore_.ToString() + "/packs/";
  ASSERT_OK(files_.Create(directory + "README"));
  ASSERT_OK(files_.Create(directory + Numbered(3).ToString() + ".pack.tmp"));
  ASSERT_OK(files_.Create("/data/datastores/lost+found"));
  EXPECT_THAT(store_->ListPacks(datastore_),
              IsOkAndHolds(std::vector<Uuid>{Numbered(1), Numbered(2)}));
  EXPECT_THAT(store_->ListDatastores(),
              IsOkAndHolds(std::vector<Uuid>{datastore_, Numbered(9)}));
}

TEST_F(PackStoreTest, APackThatExistsIsNotCreatedAgain) {
  ASSERT_OK(store_->CreateDatastore(datastore_));
  ASSERT_OK(store_->CreatePack(datastore_, Numbered(1)));
  EXPECT_THAT(store_->CreatePack(datastore_, Numbered(1)),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(PackStoreTest, ACreatedDatastoreSurvivesAPowerCut) {
  ASSERT_OK(files_.SyncDirectory("/"));
  ASSERT_OK(store_->CreateDatastore(datastore_));
  files_.PowerCutLosingAll();
  Open();
  EXPECT_THAT(store_->ListPacks(datastore_), IsOkAndHolds(std::vector<Uuid>()));
}

TEST_F(PackStoreTest, AMissingPackIsNotFound) {
  ASSERT_OK(store_->CreateDatastore(datastore_));
  EXPECT_THAT(store_->OpenForRead(datastore_, Numbered(1)),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PackStoreTest, ReadsFromMorePacksThanItKeepsOpen) {
  ASSERT_OK(store_->CreateDatastore(datastore_));
  constexpr uint16_t kPacks = PackStore::kMaxOpenFiles + 20;
  for (uint16_t i = 0; i < kPacks; ++i) {
    ASSERT_OK(store_->CreatePack(datastore_, Numbered(i)));
  }
  for (int round = 0; round < 2; ++round) {
    for (uint16_t i = 0; i < kPacks; ++i) {
      ASSERT_OK(store_->OpenForRead(datastore_, Numbered(i)));
    }
  }
}

}  // namespace
}  // namespace cairn::chunk_storage
