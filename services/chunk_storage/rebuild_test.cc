#include "services/chunk_storage/rebuild.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/io/data_directory.h"
#include "common/io/posix_file_system.h"
#include "common/pack/test_pack.h"
#include "common/rocks/rocks_kv_store.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/server.h"

namespace cairn::chunk_storage {
namespace {

using ::testing::HasSubstr;

const Uuid kDatastore = {{0xdd}};

// On the machine's files and RocksDB; the cases of packs are those of
// engine/store_rebuild_test.cc.
class RebuildTest : public ::testing::Test {
 protected:
  RebuildTest() {
    options_.block_cache_bytes = uint64_t{1} << 20;
    options_.write_buffer_bytes = uint64_t{1} << 20;
    options_.database_reserve_bytes = uint64_t{8} << 20;
    options_.ballast_bytes = uint64_t{1} << 20;
    server_.data_dir = dir_.path();
  }
  std::string Path(const std::string& name) {
    return absl::StrCat(dir_.path(), "/chunk_storage/", name);
  }
  std::string AddPack(uint8_t number, bool damaged = false) {
    TestPack pack(Uuid{{number}}, kDatastore, PackClass::kData);
    pack.Add(RecordKind::kChunk, absl::StrCat("chunk ", number));
    pack.AddFooter();
    if (damaged) pack.FlipPayload(0);
    return pack.WriteTo(
        files_,
        Path(absl::StrCat("datastores/", kDatastore.ToString(), "/packs")));
  }
  absl::StatusOr<RebuildResult> Rebuild() {
    return RebuildDatabase(options_, dir_.path(), SurveyDepth::kPayloads,
                           &fatal_errors_);
  }
  // Rows of the database in place; writes `row` besides, if it is not null.
  std::vector<StoredDatastore> Rows(const StoredDatastore* row = nullptr) {
    const auto kv = RocksKvStore::Open(
        DatabaseOptions(options_, Path("db"), &files_), &fatal_errors_);
    EXPECT_OK(kv);
    if (!kv.ok()) return {};
    PlaceStore places(kv->get());
    if (row != nullptr) {
      EXPECT_OK(places.SaveDatastore(*row));
    }
    const auto rows = places.ListDatastores();
    EXPECT_OK(rows);
    return rows.value_or(std::vector<StoredDatastore>());
  }

  TempDir dir_;
  PosixFileSystem files_;
  RecordingFatalErrorSink fatal_errors_;
  Options options_;
  ServerOptions server_;
};

TEST_F(RebuildTest, FromPacksAndNothingElse) {
  AddPack(1);
  AddPack(2);
  ASSERT_OK_AND_ASSIGN(const RebuildResult result, Rebuild());
  ASSERT_EQ(result.report.datastores.size(), 1u);
  EXPECT_EQ(result.report.datastores[0].records[1], 2u);
  EXPECT_EQ(result.former, "");
  EXPECT_FALSE(std::filesystem::exists(Path("db.rebuild")));
  EXPECT_EQ(Rows().at(0).ref, (DatastoreRef{kDatastore, 0}));
}

TEST_F(RebuildTest, KeepsTheFormerDatabaseAndWhatOnlyItKnew) {
  AddPack(1);
  ASSERT_OK(Rebuild());
  const StoredDatastore row = {.number = 1, .ref = {kDatastore, 7}, .token = 9};
  Rows(&row);
  ASSERT_OK_AND_ASSIGN(RebuildResult result, Rebuild());
  EXPECT_EQ(result.former, Path("db.former-1"));
  EXPECT_EQ(Rows().at(0).ref.generation, 7u);
  EXPECT_EQ(Rows().at(0).token, 9u);
  ASSERT_OK_AND_ASSIGN(result, Rebuild());
  EXPECT_EQ(result.former, Path("db.former-2"));
}

// The packs cannot tell what they do not hold.
TEST_F(RebuildTest, NamesPacksThatOnlyTheFormerDatabaseKnew) {
  AddPack(1);
  const std::string gone = AddPack(2);
  ASSERT_OK(Rebuild());
  std::filesystem::remove(gone);
  ASSERT_OK_AND_ASSIGN(const RebuildResult result, Rebuild());
  EXPECT_TRUE(result.lost());
  ASSERT_EQ(result.missing_packs.size(), 1u);
  EXPECT_EQ(result.missing_packs[0].pack, Uuid{{2}});
  EXPECT_EQ(result.missing_packs[0].records, 1u);
  EXPECT_EQ(result.report.datastores[0].records[1], 1u);
}

TEST_F(RebuildTest, ADatastoreWhoseDirectoryIsLostKeepsItsNumbers) {
  AddPack(1);
  ASSERT_OK(Rebuild());
  const StoredDatastore row = {
      .number = 5, .ref = {Uuid{{0xee}}, 3}, .token = 4};
  Rows(&row);
  ASSERT_OK(Rebuild());
  ASSERT_EQ(Rows().size(), 2u);
  EXPECT_EQ(Rows()[1].ref, row.ref);
  EXPECT_EQ(Rows()[1].token, 4u);
}

TEST_F(RebuildTest, ReplacesADatabaseThatCannotBeRead) {
  AddPack(1);
  ASSERT_OK(Rebuild());
  std::ofstream(Path("db/CURRENT")) << "nonsense\n";
  ASSERT_OK_AND_ASSIGN(const RebuildResult result, Rebuild());
  EXPECT_EQ(result.former, Path("db.former-1"));
  EXPECT_EQ(Rows().size(), 1u);
}

// As a kill leaves it before the new database is in place: no "db" at all.
TEST_F(RebuildTest, GoesOnWithADatabaseThatWasNotPutInPlace) {
  AddPack(1);
  ASSERT_OK(Rebuild());
  std::filesystem::rename(Path("db"), Path("db.rebuild"));
  AddPack(2);
  ASSERT_OK_AND_ASSIGN(RebuildResult result, Rebuild());
  EXPECT_EQ(result.report.datastores[0].packs_done_before, 1u);
  EXPECT_EQ(result.report.datastores[0].records[1], 2u);
}

TEST_F(RebuildTest, StartsAnewWhereAPackHasGoneMeanwhile) {
  AddPack(1);
  const std::string gone = AddPack(2);
  ASSERT_OK(Rebuild());
  std::filesystem::rename(Path("db"), Path("db.rebuild"));
  std::filesystem::remove(gone);
  ASSERT_OK_AND_ASSIGN(RebuildResult result, Rebuild());
  EXPECT_EQ(result.report.datastores[0].packs_done_before, 0u);
  EXPECT_EQ(result.report.datastores[0].records[1], 1u);
}

TEST_F(RebuildTest, RefusesWhereNothingIsAndWhereAnotherIs) {
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("no datastores")));
  EXPECT_FALSE(std::filesystem::exists(Path("FORMAT")));
  AddPack(1);
  ASSERT_OK(Rebuild());
  std::mt19937_64 random(1);
  ASSERT_OK_AND_ASSIGN(
      const auto held,
      DataDirectory::Open({.path = Path(""), .support = StoreFormat()}, &files_,
                          random));
  EXPECT_THAT(Rebuild(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("LOCK")));
}

TEST_F(RebuildTest, TheCommandReportsAndItsExitCodeTells) {
  AddPack(1);
  AddPack(2, /*damaged=*/true);
  const OfflineCommand command = RebuildCommand(&options_, &server_);
  std::ostringstream out;
  EXPECT_EQ(command.run(out), kSomethingLostExitCode);
  EXPECT_THAT(out.str(), HasSubstr("LOST             1 records"));
  EXPECT_THAT(out.str(), HasSubstr("chunk=1 page=0"));
}

}  // namespace
}  // namespace cairn::chunk_storage
