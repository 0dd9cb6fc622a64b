#include "common/wire/catalog_records.h"

#include <random>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "cairn/record/v1/record.pb.h"
#include "common/digest/sha256.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

GroupName ExampleGroup() {
  return {.parent = {.datastore = "default", .path = {{"prod"}}},
          .type = BackupType::kVm,
          .id = "100"};
}

Manifest Example() {
  Manifest manifest;
  manifest.datastore.uuid.bytes.fill(1);
  manifest.datastore.generation = 1;
  manifest.sequence = 1025;
  manifest.snapshot = {.group = ExampleGroup(), .time = 1795293585};
  Archive archive;
  archive.name = "disk.img";
  archive.root.size_bytes = 10;
  manifest.archives = {archive};
  manifest.owner = "o";
  manifest.notes = "n";
  manifest.session.bytes.fill(2);
  manifest.epoch = 3;
  manifest.publish_time = absl::FromUnixNanos(1795293585123456789);
  manifest.stored_bytes = 4;
  return manifest;
}

TEST(CatalogRecordsTest, ManifestsRoundTrip) {
  const Manifest manifest = Example();
  ASSERT_OK_AND_ASSIGN(const Manifest back,
                       DecodeManifest(EncodeManifest(manifest)));
  EXPECT_EQ(back.datastore, manifest.datastore);
  EXPECT_EQ(back.sequence, manifest.sequence);
  EXPECT_EQ(back.snapshot, manifest.snapshot);
  EXPECT_EQ(back.archives, manifest.archives);
  EXPECT_EQ(back.owner, manifest.owner);
  EXPECT_EQ(back.notes, manifest.notes);
  EXPECT_EQ(back.session, manifest.session);
  EXPECT_EQ(back.epoch, manifest.epoch);
  EXPECT_EQ(back.publish_time, manifest.publish_time);
  EXPECT_EQ(back.stored_bytes, manifest.stored_bytes);
}

TEST(CatalogRecordsTest, EqualManifestsHaveEqualBytes) {
  EXPECT_EQ(EncodeManifest(Example()), EncodeManifest(Example()));
  Manifest other = Example();
  other.sequence += 1;
  EXPECT_NE(EncodeManifest(Example()), EncodeManifest(other));
}

TEST(CatalogRecordsTest, ManifestsTakeAnyBytesWithoutHarm) {
  std::mt19937_64 random(TestSeed());
  const std::string valid = EncodeManifest(Example());
  for (int i = 0; i < 5000; ++i) {
    std::string bytes = valid;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    if (random() % 4 == 0) bytes.resize(random() % bytes.size());
    const absl::Status status = DecodeManifest(bytes).status();
    EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << status;
  }
  EXPECT_THAT(DecodeManifest(""), StatusIs(kDataLoss));
}

record::v1::Event Parsed(const CatalogChange& change) {
  EventHeader header;
  header.datastore = Example().datastore;
  header.sequence = 12;
  header.time = absl::FromUnixSeconds(5);
  header.principal = "root@unix";
  record::v1::Event event;
  EXPECT_TRUE(event.ParseFromString(EncodeEvent(header, change)));
  EXPECT_EQ(event.format_version(), 1u);
  EXPECT_EQ(event.sequence(), 12u);
  EXPECT_EQ(event.generation(), 1u);
  EXPECT_EQ(event.datastore_uuid(), std::string(16, '\1'));
  EXPECT_EQ(event.time_nanos(), 5000000000);
  EXPECT_EQ(event.principal(), "root@unix");
  return event;
}

TEST(CatalogRecordsTest, EveryChangeHasItsEvent) {
  const auto created = Parsed(CreateDatastoreChange{
      .datastore = "default", .uuid = {}, .comment = "c"});
  EXPECT_EQ(created.datastore_created().name(), "default");
  EXPECT_EQ(created.datastore_created().comment(), "c");

  const auto space = Parsed(CreateNamespaceChange{
      .name = {.datastore = "default", .path = {{"a", "b"}}}, .comment = "c"});
  EXPECT_EQ(space.namespace_created().path(), "a/b");
  EXPECT_EQ(space.namespace_created().comment(), "c");

  EXPECT_EQ(Parsed(DeleteNamespaceChange{
                       .name = {.datastore = "default", .path = {{"a"}}}})
                .namespace_deleted()
                .path(),
            "a");

  const auto group = Parsed(UpdateGroupChange{
      .name = ExampleGroup(), .owner = "o", .notes = std::nullopt});
  EXPECT_EQ(group.group_updated().group().namespace_path(), "prod");
  EXPECT_EQ(group.group_updated().owner(), "o");
  EXPECT_FALSE(group.group_updated().has_notes());

  const auto snapshot =
      Parsed(UpdateSnapshotChange{.name = {.group = ExampleGroup(), .time = 9},
                                  .notes = "",
                                  .is_protected = false});
  EXPECT_EQ(snapshot.snapshot_updated().time(), 9);
  EXPECT_TRUE(snapshot.snapshot_updated().has_notes());
  EXPECT_TRUE(snapshot.snapshot_updated().has_protected_());

  Digest manifest;
  manifest.bytes.fill(3);
  const auto refused =
      Parsed(RefusedPublishChange{.name = {.group = ExampleGroup(), .time = 9},
                                  .session = Example().session,
                                  .manifest = manifest});
  EXPECT_EQ(refused.publish_refused().session(), std::string(16, '\2'));
  EXPECT_EQ(refused.publish_refused().manifest(), std::string(32, '\3'));
}

std::string Encoded(const CatalogChange& change) {
  return EncodeEvent({.datastore = Example().datastore,
                      .sequence = 12,
                      .time = absl::FromUnixSeconds(5),
                      .principal = "root@unix"},
                     change);
}

std::vector<CatalogChange> EveryChange() {
  Digest manifest;
  manifest.bytes.fill(3);
  return {
      CreateDatastoreChange{.datastore = "default",
                            .uuid = Example().datastore.uuid,
                            .comment = "c"},
      CreateNamespaceChange{.name = {.datastore = "", .path = {{"a", "b"}}},
                            .comment = "c"},
      DeleteNamespaceChange{.name = {.datastore = "", .path = {{"a"}}}},
      UpdateGroupChange{.name = ExampleGroup(), .owner = "o", .notes = ""},
      UpdateSnapshotChange{.name = {.group = ExampleGroup(), .time = 9},
                           .notes = std::nullopt,
                           .is_protected = true},
      RefusedPublishChange{.name = {.group = ExampleGroup(), .time = 9},
                           .session = Example().session,
                           .manifest = manifest},
      ForgetSnapshotsChange{.datastore = "default",
                            .names = {{.group = ExampleGroup(), .time = 9},
                                      {.group = ExampleGroup(), .time = 10}},
                            .trash_time = absl::Seconds(8600)},
      UndeleteSnapshotsChange{.datastore = "default",
                              .names = {{.group = ExampleGroup(), .time = 9}}},
      SnapshotsGoneChange{.datastore = "default",
                          .names = {{.group = ExampleGroup(), .time = 9}},
                          .token = 7}};
}

TEST(CatalogRecordsTest, EventsRoundTrip) {
  for (const CatalogChange& change : EveryChange()) {
    const std::string bytes = Encoded(change);
    ASSERT_OK_AND_ASSIGN(const Event back, DecodeEvent(bytes));
    EXPECT_EQ(back.header.datastore, Example().datastore);
    EXPECT_EQ(back.header.sequence, 12u);
    EXPECT_EQ(back.change.index(), change.index());
    // Equal bytes: no field was lost.
    EXPECT_EQ(EncodeEvent(back.header, back.change), bytes);
  }
}

// Computed by a separate program from record.proto alone. Their digests are
// the names of these records: a change here is a change of the format.
TEST(CatalogRecordsTest, HaveTheBytesThatTheyAlwaysHad) {
  EXPECT_EQ(Sha256(EncodeManifest(Example())).ToHex(),
            "0ae102eefc2bd67099ce2e6dfb9d03443c8e76aa9ff44f231f06dbe3e2d63f42");
  std::vector<std::string> events;
  for (const CatalogChange& change : EveryChange()) {
    events.push_back(Sha256(Encoded(change)).ToHex());
  }
  EXPECT_EQ(
      events,
      (std::vector<std::string>{
          "1a590a6c921a99e2da1ef705b54f93d314f599e3d35050fc97e80c9e15142cc1",
          "03749c14f35ed413d6291e96ab285692dda4eea2d85096a955643bd35976a626",
          "4ea6b56a31357db2bf98e6a81d2be473af5b5d8b04a0013b8512365e01cfebf0",
          "ef932178e35cecbdaeef74815c5a595fe91af5da491029534cc7039d1fd8bf2d",
          "6c5f65f4c4b942bb6bcdbf4360f948949d0e7c44ec19afbb426c0f4c6bad18ad",
          "f34e67112a94a40fc644910362eba1cc17e43069c66b329534c53fc25acd41c6",
          "515bd8122ef0564aad6af2cb6535c0ceea7e04bc4b811d4e79be2899b4009abe",
          "c0a9656b1e2fdd8fc0d66ce818bb27580dffb170ead721d162b8305201dea4a4",
          "975ecbc0951fce057d2ebbbba9625642888d9709077f4922f428252d0eb6bfe4",
      }));
}

TEST(CatalogRecordsTest, WhatIsForgottenKeepsItsNamesAndTime) {
  ASSERT_OK_AND_ASSIGN(const Event event,
                       DecodeEvent(Encoded(EveryChange()[6])));
  const auto* const forgotten =
      std::get_if<ForgetSnapshotsChange>(&event.change);
  ASSERT_NE(forgotten, nullptr);
  EXPECT_EQ(forgotten->datastore, "default");
  ASSERT_EQ(forgotten->names.size(), 2u);
  EXPECT_EQ(forgotten->names[1],
            (SnapshotName{.group = ExampleGroup(), .time = 10}));
  EXPECT_EQ(forgotten->trash_time, absl::Seconds(8600));
  // Nothing of what was asked for was there.
  EXPECT_OK(DecodeEvent(Encoded(ForgetSnapshotsChange{})));
}

TEST(CatalogRecordsTest, EventsOfManySnapshotsAreBounded) {
  // As long as names may be, and as many: an append takes 1 MiB.
  GroupName group = ExampleGroup();
  group.parent.datastore = std::string(32, 'd');
  group.parent.path.components.assign(kMaxNamespaceDepth, std::string(35, 'n'));
  group.id = std::string(64, 'i');
  ForgetSnapshotsChange change{.datastore = group.parent.datastore,
                               .trash_time = kMaxTrashTime};
  for (int64_t i = 0; i < static_cast<int64_t>(kMaxSnapshotsPerChange); ++i) {
    change.names.push_back({.group = group, .time = kMaxSnapshotTime - i});
  }
  EXPECT_LT(Encoded(change).size(), size_t{1} << 20);
  EXPECT_OK(DecodeEvent(Encoded(change)));
  change.names.push_back({.group = group, .time = 1});
  EXPECT_THAT(DecodeEvent(Encoded(change)), StatusIs(kDataLoss));
  change.names.resize(1);
  change.names.push_back({.group = ExampleGroup(), .time = 1});
  EXPECT_THAT(DecodeEvent(Encoded(change)), StatusIs(kDataLoss));
  change.names.resize(1);
  change.trash_time = absl::Hours(24 * 3651);
  EXPECT_THAT(DecodeEvent(Encoded(change)), StatusIs(kDataLoss));
  change.trash_time = -absl::Seconds(1);
  EXPECT_THAT(DecodeEvent(Encoded(change)), StatusIs(kDataLoss));
}

TEST(CatalogRecordsTest, EventsTakeAnyBytesWithoutHarm) {
  std::mt19937_64 random(TestSeed());
  for (const CatalogChange& change : EveryChange()) {
    const std::string valid = Encoded(change);
    for (int i = 0; i < 1000; ++i) {
      std::string bytes = valid;
      bytes[random() % bytes.size()] = static_cast<char>(random());
      if (random() % 4 == 0) bytes.resize(random() % bytes.size());
      const absl::Status status = DecodeEvent(bytes).status();
      EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << status;
    }
  }
  EXPECT_THAT(DecodeEvent(""), StatusIs(kDataLoss));
}

}  // namespace
}  // namespace cairn
