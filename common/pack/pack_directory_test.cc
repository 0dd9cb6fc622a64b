#include "common/pack/pack_directory.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/kv/memory_kv_store.h"
#include "common/pack/decode_record.h"
#include "common/pack/pack_index.h"
#include "common/pack/test_pack.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

const Uuid kFirst = {{0xd1}};
const Uuid kSecond = {{0xd2}};
const RecordKind kMetadataKinds[] = {RecordKind::kPage, RecordKind::kManifest,
                                     RecordKind::kEvent};

class PackDirectoryTest : public ::testing::Test {
 protected:
  std::string PacksOf(const Uuid& datastore) {
    return absl::StrCat("/data/chunk_storage/datastores/", datastore.ToString(),
                        "/packs");
  }
  PackDirectory Open(const std::string& path) {
    auto directory = PackDirectory::Open(&files_, path);
    EXPECT_OK(directory);
    return *std::move(directory);
  }
  std::vector<std::string> Read(const PackDirectory& directory) {
    std::vector<std::string> plain;
    EXPECT_OK(directory.ForEachRecord(
        kMetadataKinds,
        [&](uint32_t, const PackEntry&, const Record& record) {
          const auto decoded = DecodeRecord(record);
          EXPECT_OK(decoded);
          plain.push_back(decoded.value_or(""));
          return absl::OkStatus();
        },
        [&](const PackDamage& damage) { damage_.push_back(damage); }));
    return plain;
  }

  InMemoryFileSystem files_;
  std::vector<PackDamage> damage_;
};

TEST_F(PackDirectoryTest, FindsPacksFromWhereverItIsPointedAt) {
  TestPack pack(Uuid{{2}}, kFirst, PackClass::kMetadata);
  pack.Add(RecordKind::kEvent, "event", 1);
  pack.WriteTo(files_, PacksOf(kFirst));
  const std::string datastore =
      absl::StrCat("/data/chunk_storage/datastores/", kFirst.ToString());
  ASSERT_OK(files_.Create(datastore + "/packs/notes.txt"));
  for (const std::string& path :
       {std::string("/data"), std::string("/data/chunk_storage/"),
        std::string("/data/chunk_storage/datastores"), datastore,
        datastore + "/packs"}) {
    const PackDirectory directory = Open(path);
    ASSERT_EQ(directory.packs().size(), 1u) << path;
    EXPECT_EQ(directory.packs()[0].datastore, kFirst) << path;
    EXPECT_EQ(directory.packs()[0].pack, pack.pack()) << path;
    EXPECT_THAT(Read(directory), ElementsAre("event"));
  }
  // A bare directory: the header says whose it is.
  pack.WriteTo(files_, "/elsewhere");
  EXPECT_THAT(Open("/elsewhere").Datastores(), ElementsAre(kFirst));
  EXPECT_THAT(PackDirectory::Open(&files_, "/nowhere"),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PackDirectoryTest, GivesTheKindsAskedForInPackOrder) {
  TestPack second(Uuid{{2}}, kFirst, PackClass::kMetadata);
  second.Add(RecordKind::kManifest, "c", 3);
  second.AddFooter();
  second.WriteTo(files_, PacksOf(kFirst));
  TestPack first(Uuid{{1}}, kFirst, PackClass::kMetadata);
  first.Add(RecordKind::kEvent, "a", 1);
  first.Add(RecordKind::kPage, "b", 0, Encoding::kZstd);
  first.WriteTo(files_, PacksOf(kFirst));
  TestPack data(Uuid{{3}}, kFirst, PackClass::kData);
  data.Add(RecordKind::kChunk, "chunk");
  data.WriteTo(files_, PacksOf(kFirst));
  EXPECT_THAT(Read(Open("/data")), ElementsAre("a", "b", "c"));
  EXPECT_TRUE(damage_.empty());
}

TEST_F(PackDirectoryTest, NamesWhatIsDamagedAndGoesOn) {
  TestPack pack(Uuid{{1}}, kFirst, PackClass::kMetadata);
  pack.Add(RecordKind::kEvent, "a", 1);
  pack.Add(RecordKind::kEvent, "b", 2);
  pack.AddFooter();
  pack.FlipPayload(0);
  pack.WriteTo(files_, PacksOf(kFirst));
  TestPack foreign(Uuid{{2}}, kSecond, PackClass::kMetadata);
  foreign.Add(RecordKind::kEvent, "foreign", 3);
  foreign.WriteTo(files_, PacksOf(kFirst));
  EXPECT_THAT(Read(Open("/data")), ElementsAre("b"));
  ASSERT_EQ(damage_.size(), 2u);
  EXPECT_EQ(damage_[0].entry, pack.entries()[0]);
  EXPECT_EQ(damage_[0].offset, kPackBlockBytes);
  EXPECT_THAT(damage_[1].why, HasSubstr(kSecond.ToString()));
}

TEST_F(PackDirectoryTest, TheIndexReadsTheCopyThatProves) {
  TestPack bad(Uuid{{1}}, kFirst, PackClass::kMetadata);
  const RecordKey healed = bad.Add(RecordKind::kPage, "healed");
  const RecordKey lost = bad.Add(RecordKind::kPage, "lost");
  bad.AddFooter();
  bad.FlipPayload(0);
  bad.FlipPayload(1);
  bad.WriteTo(files_, PacksOf(kFirst));
  TestPack good(Uuid{{2}}, kFirst, PackClass::kMetadata);
  good.Add(RecordKind::kPage, "healed");
  good.WriteTo(files_, PacksOf(kFirst));
  const PackDirectory directory = Open("/data");
  MemoryKvStore kv(1);
  ASSERT_OK_AND_ASSIGN(PackIndex index,
                       PackIndex::Build(&directory, kMetadataKinds, &kv,
                                        [](const PackDamage&) {}));
  EXPECT_THAT(index.Find(kFirst, healed), IsOkAndHolds(::testing::SizeIs(2)));
  ASSERT_OK_AND_ASSIGN(const Record record, index.Read(kFirst, healed));
  EXPECT_EQ(record.payload, "healed");
  EXPECT_THAT(index.Read(kFirst, lost), StatusIs(absl::StatusCode::kDataLoss,
                                                 HasSubstr(lost.ToString())));
  EXPECT_THAT(index.Read(kSecond, healed),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(PackDirectoryTest, TheIndexHoldsMoreRecordsThanABatch) {
  std::vector<RecordKey> keys;
  for (uint8_t p = 1; p <= 3; ++p) {
    TestPack pack(Uuid{{p}}, kFirst, PackClass::kMetadata);
    for (int i = 0; i < 2000; ++i) {
      keys.push_back(pack.Add(RecordKind::kPage, absl::StrCat(p, " ", i)));
    }
    pack.AddFooter();
    pack.WriteTo(files_, PacksOf(kFirst));
  }
  const PackDirectory directory = Open("/data");
  MemoryKvStore kv(1);
  ASSERT_OK_AND_ASSIGN(PackIndex index,
                       PackIndex::Build(&directory, kMetadataKinds, &kv,
                                        [](const PackDamage&) {}));
  EXPECT_GT(kv.commit_count(), 1u);
  for (const RecordKey& key : keys) {
    ASSERT_OK(index.Read(kFirst, key).status());
  }
}

}  // namespace
}  // namespace cairn
