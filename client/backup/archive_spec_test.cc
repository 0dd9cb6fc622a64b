#include "client/backup/archive_spec.h"

#include "common/testing/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace cairn::client {
namespace {

using ::testing::HasSubstr;

TEST(ArchiveSpecTest, TakesTheKindFromTheName) {
  EXPECT_THAT(ArchiveSpec::Parse("disk0.img:/dev/vg0/a"),
              IsOkAndHolds(ArchiveSpec{"disk0.img", ArchiveKind::kImage,
                                       SourceKind::kFile, "/dev/vg0/a"}));
  EXPECT_THAT(ArchiveSpec::Parse("dump.raw:-"),
              IsOkAndHolds(ArchiveSpec{"dump.raw", ArchiveKind::kStream,
                                       SourceKind::kPipe, "-"}));
  EXPECT_THAT(ArchiveSpec::Parse("disk0.img:-"),
              IsOkAndHolds(ArchiveSpec{"disk0.img", ArchiveKind::kImage,
                                       SourceKind::kPipe, "-"}));
  EXPECT_THAT(ArchiveSpec::Parse("dump.raw:./-"),
              IsOkAndHolds(ArchiveSpec{"dump.raw", ArchiveKind::kStream,
                                       SourceKind::kFile, "./-"}));
  EXPECT_THAT(ArchiveSpec::Parse("conf.blob:etc/x"),
              IsOkAndHolds(ArchiveSpec{"conf.blob", ArchiveKind::kBlob,
                                       SourceKind::kFile, "etc/x"}));
  EXPECT_THAT(ArchiveSpec::Parse("root.tar:/"),
              IsOkAndHolds(ArchiveSpec{"root.tar", ArchiveKind::kStream,
                                       SourceKind::kDirectory, "/"}));
}

TEST(ArchiveSpecTest, KeepsColonsOfThePath) {
  ASSERT_OK_AND_ASSIGN(const ArchiveSpec spec,
                       ArchiveSpec::Parse("a.img:/dev/disk/by-id/x:0"));
  EXPECT_EQ(spec.path, "/dev/disk/by-id/x:0");
}

TEST(ArchiveSpecTest, SaysWhatIsAllowed) {
  for (const char* text : {"", "a.img", "a.img:", "a.exe:/x", "noending:/x",
                           "a.tar:-", "a.blob:-", ":/x"}) {
    EXPECT_THAT(ArchiveSpec::Parse(text),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << text;
  }
  EXPECT_THAT(ArchiveSpec::Parse("a.exe:/x"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("NAME.tar:DIRECTORY")));
  EXPECT_THAT(ArchiveSpec::Parse("../x.img:/x"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn::client
