#include "common/wire/archive.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/page/page.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Archive Example() {
  Archive archive;
  archive.name = "disk.img";
  archive.kind = ArchiveKind::kImage;
  archive.chunker = {.name = "fixed-v1",
                     .min_bytes = 4096,
                     .average_bytes = 4096,
                     .max_bytes = 4096};
  archive.root = {.page = {},
                  .level = 2,
                  .size_bytes = 100000,
                  .chunk_count = 20,
                  .hole_bytes = 4096};
  archive.root.page.bytes[3] = 9;
  return archive;
}

TEST(ArchiveWireTest, RoundTrips) {
  for (const ArchiveKind kind :
       {ArchiveKind::kStream, ArchiveKind::kImage, ArchiveKind::kBlob}) {
    Archive archive = Example();
    archive.kind = kind;
    EXPECT_THAT(FromProto(ToProto(archive)), IsOkAndHolds(archive));
  }
}

struct Hostile {
  std::string expected;  // part of the error's text
  std::function<void(model::v1::Archive&)> change;
};

TEST(ArchiveWireTest, RefusesFieldsOutOfBoundsByName) {
  const std::vector<Hostile> cases = {
      {"name", [](auto& a) { a.set_name(""); }},
      {"name", [](auto& a) { a.set_name("../etc"); }},
      {"name", [](auto& a) { a.set_name(std::string(129, 'a')); }},
      {"kind is 0", [](auto& a) { a.clear_kind(); }},
      {"kind is 77",
       [](auto& a) { a.set_kind(static_cast<model::v1::ArchiveKind>(77)); }},
      {"chunker: name", [](auto& a) { a.clear_chunker(); }},
      {"chunker: name",
       [](auto& a) { a.mutable_chunker()->set_name(std::string(33, 'c')); }},
      {"chunker: sizes",
       [](auto& a) { a.mutable_chunker()->set_min_bytes(0); }},
      {"chunker: sizes",
       [](auto& a) { a.mutable_chunker()->set_min_bytes(4097); }},
      {"chunker: sizes",
       [](auto& a) { a.mutable_chunker()->set_max_bytes((16 << 20) + 1); }},
      {"root: page", [](auto& a) { a.clear_root(); }},
      {"root: page", [](auto& a) { a.mutable_root()->set_page("short"); }},
      {"root: level", [](auto& a) { a.mutable_root()->set_level(8); }},
      {"root: size_bytes",
       [](auto& a) { a.mutable_root()->set_size_bytes(~uint64_t{0}); }},
      {"root: hole_bytes",
       [](auto& a) { a.mutable_root()->set_hole_bytes(100001); }},
      {"root: chunk_count",
       [](auto& a) { a.mutable_root()->set_chunk_count(100000 - 4095); }},
  };
  for (const Hostile& hostile : cases) {
    model::v1::Archive proto = ToProto(Example());
    hostile.change(proto);
    EXPECT_THAT(FromProto(proto),
                StatusIs(kInvalid, HasSubstr(hostile.expected)));
  }
}

PlacedEntry ExampleEntry() {
  PlacedEntry placed;
  placed.offset = 123;
  placed.entry.length = 4096;
  placed.entry.repeat = 3;
  placed.entry.digest.bytes[0] = 1;
  placed.entry.domain.bytes[0] = 2;
  return placed;
}

TEST(ArchiveWireTest, EntriesRoundTrip) {
  PlacedEntry hole;
  hole.entry.is_hole = true;
  hole.entry.length = 1 << 30;
  PlacedEntry plain = ExampleEntry();
  plain.entry.domain = {};
  for (const PlacedEntry& entry : {ExampleEntry(), plain, hole}) {
    EXPECT_THAT(FromProto(ToProto(entry)), IsOkAndHolds(entry));
  }
}

TEST(ArchiveWireTest, RefusesEntriesThatCannotBe) {
  const auto refused =
      [](const std::function<void(model::v1::ChunkEntry&)>& change) {
        model::v1::ChunkEntry proto = ToProto(ExampleEntry());
        change(proto);
        return FromProto(proto).status();
      };
  EXPECT_THAT(refused([](auto& e) { e.set_length(0); }), StatusIs(kInvalid));
  EXPECT_THAT(refused([](auto& e) { e.set_repeat(0); }), StatusIs(kInvalid));
  EXPECT_THAT(refused([](auto& e) { e.set_repeat(~uint64_t{0}); }),
              StatusIs(kInvalid));
  EXPECT_THAT(refused([](auto& e) { e.set_offset(kMaxArchiveBytes - 5); }),
              StatusIs(kInvalid, HasSubstr("offset")));
  EXPECT_THAT(refused([](auto& e) { e.set_digest("x"); }),
              StatusIs(kInvalid, HasSubstr("digest")));
  EXPECT_THAT(refused([](auto& e) { e.set_domain("x"); }),
              StatusIs(kInvalid, HasSubstr("domain")));
  EXPECT_THAT(refused([](auto& e) { e.set_hole(true); }),
              StatusIs(kInvalid, HasSubstr("hole")));
}

}  // namespace
}  // namespace cairn
