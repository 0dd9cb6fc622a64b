#include "client/restore/pack_source.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/pack/test_pack.h"
#include "common/page/page_tree_builder.h"
#include "common/status/reason.h"
#include "common/testing/in_memory_file_system.h"
#include "common/testing/status_matchers.h"
#include "common/wire/catalog_records.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::HasSubstr;

const Uuid kDatastore = {{0xd1}};
constexpr char kDirectory[] = "/packs";
constexpr size_t kChunkBytes = 100;

class PackSourceTest : public ::testing::Test {
 protected:
  PackSourceTest() { name_.group.id = "web1"; }

  // A snapshot whose archive is ten chunks, a run of three, and a hole.
  void Write(const Uuid& datastore, const std::string& called, uint8_t pack) {
    TestPack data(Uuid{{pack, 1}}, datastore, PackClass::kData);
    TestPack metadata(Uuid{{pack, 2}}, datastore, PackClass::kMetadata);
    PageTreeBuilder builder(
        {.min_entries = 2, .mean_entries = 4, .max_entries = 8});
    content_.clear();
    for (int i = 0; i < 11; ++i) {
      std::string plain = absl::StrCat("chunk ", i, " of ", called);
      plain.resize(kChunkBytes, '.');
      const RecordKey key = data.Add(RecordKind::kChunk, plain, 0,
                                     i % 2 ? Encoding::kZstd : Encoding::kRaw);
      const uint64_t repeat = i == 10 ? 3 : 1;
      ASSERT_OK(builder.Add(
          {.length = kChunkBytes, .repeat = repeat, .digest = key.digest}));
      for (uint64_t n = 0; n < repeat; ++n) content_ += plain;
    }
    ASSERT_OK(builder.Add({.is_hole = true, .length = 5000}));
    content_.append(5000, '\0');
    Archive archive{.name = "disk.img", .kind = ArchiveKind::kStream};
    archive.root = builder.Finish().value();
    for (const EncodedPage& page : builder.TakePages()) {
      metadata.Add(RecordKind::kPage, page.bytes);
    }
    Manifest manifest;
    manifest.datastore = {.uuid = datastore, .generation = 1};
    manifest.sequence = 2;
    manifest.snapshot = {.group = name_.group, .time = 1000};
    manifest.snapshot.group.parent.datastore = called;
    manifest.archives = {archive};
    manifest.session = Uuid{{9}};
    manifest.epoch = 1;
    metadata.Add(RecordKind::kManifest, EncodeManifest(manifest), 2);
    data.AddFooter();
    metadata.AddFooter();
    if (hurt_) data.FlipPayload(4);
    data.WriteTo(files_, kDirectory);
    metadata.WriteTo(files_, kDirectory);
  }
  absl::StatusOr<PackSource> Open(PackSource::Wanted wanted = {
                                      .datastore = "default", .any = true}) {
    return PackSource::Open(&files_, kDirectory, wanted, &interrupt_);
  }
  // As far as it can be read; the end of it in `end_`.
  std::string Read(PackSource& source, uint64_t offset, uint64_t length) {
    const Archive& archive =
        source.catalog().snapshots.begin()->second.manifest.archives.at(0);
    const ProgressListener listener = [](const TransferProgress&) {};
    PackReader reader({.archive = "",
                       .label = "disk.img",
                       .offset = offset,
                       .length = length},
                      &archive, &source, &listener);
    std::string bytes;
    end_ = reader.Open();
    if (!end_.ok()) return bytes;
    while (true) {
      const absl::StatusOr<std::optional<Frame>> frame = reader.Next();
      end_ = frame.status();
      if (!frame.ok() || !frame->has_value()) return bytes;
      EXPECT_EQ((*frame)->offset, offset + bytes.size());
      bytes += (*frame)->data;
      bytes.append((*frame)->hole_bytes, '\0');
    }
  }

  InMemoryFileSystem files_;
  const Interrupt interrupt_;
  SnapshotName name_;
  std::string content_;
  bool hurt_ = false;
  absl::Status end_;
};

TEST_F(PackSourceTest, GivesEveryRangeOfAnArchive) {
  Write(kDatastore, "main", 1);
  ASSERT_OK_AND_ASSIGN(PackSource source, Open());
  EXPECT_EQ(source.catalog().name, "main");
  EXPECT_TRUE(Read(source, 0, 0) == content_);
  EXPECT_OK(end_);
  for (const auto& [offset, length] : {std::pair<uint64_t, uint64_t>{0, 1},
                                       {99, 2},
                                       {1050, 130},
                                       {1299, 4000},
                                       {6300, 0}}) {
    const uint64_t most = length == 0 ? content_.size() : length;
    EXPECT_TRUE(Read(source, offset, length) == content_.substr(offset, most))
        << offset << "+" << length;
    EXPECT_OK(end_);
  }
  Read(source, 6301, 0);
  EXPECT_THAT(end_, StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(PackSourceTest, ADamagedChunkEndsWhatIsGood) {
  hurt_ = true;
  Write(kDatastore, "main", 1);
  ASSERT_OK_AND_ASSIGN(PackSource source, Open());
  EXPECT_EQ(Read(source, 0, 0), content_.substr(0, 4 * kChunkBytes));
  EXPECT_THAT(end_, StatusIs(absl::StatusCode::kDataLoss,
                             HasSubstr("disk.img at byte 400: chunk ")));
  EXPECT_TRUE(HasReason(end_, reason::kRecordDamaged));
  EXPECT_TRUE(Read(source, 500, 0) == content_.substr(500));
}

TEST_F(PackSourceTest, ChoosesTheDatastore) {
  EXPECT_FALSE(Open().ok());
  Write(kDatastore, "main", 1);
  EXPECT_OK(Open());
  EXPECT_OK(Open({.datastore = "main"}));
  EXPECT_OK(Open({.datastore = kDatastore.ToString()}));
  EXPECT_THAT(Open({.datastore = "other"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("main (")));
  Write(Uuid{{0xd2}}, "main", 2);
  EXPECT_THAT(Open({.datastore = "main"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("UUID")));
  EXPECT_OK(Open({.datastore = kDatastore.ToString()}));
}

}  // namespace
}  // namespace cairn::client
