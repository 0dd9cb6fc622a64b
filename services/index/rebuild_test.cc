#include "services/index/rebuild.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/io/posix_file_system.h"
#include "common/pack/test_pack.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/wire/catalog_records.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/index/server.h"
#include "services/index/storage/rebuilt_database.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

const Uuid kDatastore = {{0xdd}};

// On the machine's files and RocksDB; what is made of packs is the matter of
// engine/index_rebuild_test.cc.
class RebuildTest : public ::testing::Test {
 protected:
  RebuildTest() {
    options_.block_cache_bytes = uint64_t{1} << 20;
    options_.write_buffer_bytes = uint64_t{1} << 20;
    options_.reserve_bytes = uint64_t{8} << 20;
    options_.ballast_bytes = uint64_t{1} << 20;
    server_.data_dir = dir_.path();
  }
  std::string Path(const std::string& name) {
    return absl::StrCat(dir_.path(), "/index/", name);
  }
  void AddPack(bool damaged = false) {
    TestPack pack(Uuid{{1}}, kDatastore, PackClass::kMetadata);
    pack.Add(RecordKind::kEvent,
             EncodeEvent({.datastore = {kDatastore, 1}, .sequence = 1},
                         CreateDatastoreChange{.datastore = "main",
                                               .uuid = kDatastore}),
             1);
    pack.Add(RecordKind::kEvent,
             EncodeEvent({.datastore = {kDatastore, 1}, .sequence = 2},
                         CreateNamespaceChange{.name = {.path = {{"a"}}}}),
             2);
    pack.AddFooter();
    if (damaged) pack.FlipPayload(1);
    pack.WriteTo(files_, absl::StrCat(dir_.path(), "/chunk_storage/datastores/",
                                      kDatastore.ToString(), "/packs"));
  }
  absl::StatusOr<RebuildResult> Rebuild(bool replace = false) {
    return RebuildDatabase(options_, dir_.path(), {}, replace, &fatal_errors_);
  }
  // Of the database in place.
  std::vector<Datastore> Datastores() {
    const auto kv = RocksKvStore::Open(
        DatabaseOptions(options_, Path("db"), &files_), &fatal_errors_);
    EXPECT_OK(kv);
    if (!kv.ok()) return {};
    const auto found = IndexStore(kv->get()).ListDatastores(10);
    EXPECT_OK(found);
    return found.value_or(std::vector<Datastore>());
  }

  TempDir dir_;
  PosixFileSystem files_;
  RecordingFatalErrorSink fatal_errors_;
  Options options_;
  ServerOptions server_;
};

TEST_F(RebuildTest, FromPacksAndNothingElse) {
  AddPack();
  ASSERT_OK_AND_ASSIGN(const RebuildResult result, Rebuild());
  EXPECT_FALSE(result.report.lost());
  EXPECT_EQ(result.former, "");
  ASSERT_THAT(Datastores(), SizeIs(1));
  EXPECT_EQ(Datastores()[0].name, "main");
  EXPECT_EQ(Datastores()[0].ref, (DatastoreRef{kDatastore, 2}));
  for (const std::string left :
       {"db.rebuild", "db.rebuilt", "rebuild.scratch"}) {
    EXPECT_FALSE(std::filesystem::exists(Path(left))) << left;
  }
}

TEST_F(RebuildTest, ReplacesDatastoresOnlyIfToldTo) {
  AddPack();
  ASSERT_OK(Rebuild());
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("--replace")));
  ASSERT_OK_AND_ASSIGN(const RebuildResult result, Rebuild(/*replace=*/true));
  EXPECT_EQ(result.former, Path("db.former-1"));
  EXPECT_TRUE(std::filesystem::exists(Path("db.former-1/CURRENT")));
  EXPECT_EQ(Datastores().at(0).ref.generation, 3u);
}

TEST_F(RebuildTest, ReplacesADatabaseThatCannotBeReadOnlyIfToldTo) {
  AddPack();
  ASSERT_OK(Rebuild());
  std::ofstream(Path("db/CURRENT")) << "nonsense\n";
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("--replace")));
  ASSERT_OK(Rebuild(/*replace=*/true));
  EXPECT_EQ(Datastores().at(0).name, "main");
}

// What a kill leaves while the database grows.
TEST_F(RebuildTest, BeginsAnewWithOneThatIsNotWhole) {
  AddPack();
  ASSERT_OK(Rebuild());
  std::filesystem::rename(Path("db"), Path("db.rebuild"));
  std::ofstream(Path("db.rebuild/CURRENT")) << "half of it";
  std::filesystem::create_directory(Path("rebuild.scratch"));
  std::ofstream(Path("rebuild.scratch/000001.log")) << "half";
  ASSERT_OK(Rebuild());
  EXPECT_EQ(Datastores().at(0).name, "main");
}

// What a kill leaves between the decision and the end: with and without the
// old database in place.
TEST_F(RebuildTest, AWholeOneTakesItsPlaceWhoeverComes) {
  AddPack();
  ASSERT_OK(Rebuild());
  std::filesystem::rename(Path("db"), Path("db.rebuilt"));
  ASSERT_OK_AND_ASSIGN(Replacement done,
                       PutRebuiltInPlace(files_, dir_.path() + "/index"));
  EXPECT_TRUE(done.done);
  EXPECT_EQ(done.former, "");
  EXPECT_EQ(Datastores().at(0).ref.generation, 2u);

  std::filesystem::copy(Path("db"), Path("db.rebuilt"));
  ASSERT_OK_AND_ASSIGN(done, PutRebuiltInPlace(files_, dir_.path() + "/index"));
  EXPECT_EQ(done.former, Path("db.former-1"));

  std::filesystem::rename(Path("db"), Path("db.rebuilt"));
  // Nobody has used it, so that it may be replaced.
  ASSERT_OK(Rebuild());
  EXPECT_EQ(Datastores().at(0).ref.generation, 3u);
  ASSERT_OK_AND_ASSIGN(done, PutRebuiltInPlace(files_, dir_.path() + "/index"));
  EXPECT_FALSE(done.done);
}

TEST_F(RebuildTest, RefusesWhereNoPacksAre) {
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("--packs")));
  EXPECT_FALSE(std::filesystem::exists(Path("FORMAT")));
}

TEST_F(RebuildTest, TheCommandReportsAndItsExitCodeTells) {
  AddPack(/*damaged=*/true);
  const OfflineCommand command = RebuildCommand(&options_, &server_);
  std::ostringstream out;
  EXPECT_EQ(command.run(out), kSomethingLostExitCode);
  EXPECT_THAT(out.str(), HasSubstr("DAMAGED METADATA   1 places"));
  EXPECT_THAT(out.str(), HasSubstr("datastore main"));
}

}  // namespace
}  // namespace cairn::index
