#include "services/index/storage/row_codec.h"

#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/time/time.h"
#include "cairn/record/v1/record.pb.h"
#include "common/digest/sha256.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn::index {
namespace {

using ::testing::HasSubstr;
constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

Archive ExampleArchive(std::string name) {
  Archive archive;
  archive.name = std::move(name);
  archive.kind = ArchiveKind::kBlob;
  archive.chunker = {
      .name = "fixed-v1", .min_bytes = 1, .average_bytes = 2, .max_bytes = 3};
  archive.root.page.bytes.fill(7);
  archive.root.level = 3;
  archive.root.size_bytes = 1000;
  archive.root.chunk_count = 10;
  archive.root.hole_bytes = 20;
  return archive;
}

SnapshotRow ExampleSnapshot() {
  SnapshotRow row;
  row.state = SnapshotState::kTrash;
  row.archives = {ExampleArchive("a"), ExampleArchive("b")};
  row.notes = "n";
  row.is_protected = true;
  row.verification.state = VerifyState::kFailed;
  row.sequence = 5;
  row.session.bytes.fill(1);
  row.publish_time = absl::FromUnixNanos(1795293585123456789);
  row.stored_bytes = 6;
  row.recovered = true;
  row.manifest.bytes.fill(2);
  row.notes_sequence = 8;
  row.protected_sequence = 9;
  row.loss_mark = 10;
  return row;
}

SessionRow ExampleSession() {
  SessionRow row;
  row.state = SessionState::kAborted;
  row.generation = 2;
  row.epoch = 3;
  row.snapshot = {
      .group = {.parent = {.datastore = "default", .path = {{"a", "b"}}},
                .type = BackupType::kCt,
                .id = "7"},
      .time = 1795293585};
  row.explicit_time = true;
  row.base_time = 1795293584;
  row.owner = "o";
  row.notes = "n";
  row.client_label = "l";
  row.lease.bytes.fill(3);
  row.open_time = absl::FromUnixSeconds(10);
  row.end_time = absl::FromUnixSeconds(20);
  row.publish_sequence = 4;
  row.cancel_sequence = 6;
  row.manifest = "manifest";
  row.loss_mark = 5;
  row.base_archives = {ExampleArchive("a"), ExampleArchive("b")};
  return row;
}

TEST(RowCodecTest, SnapshotsRoundTrip) {
  const SnapshotRow row = ExampleSnapshot();
  ASSERT_OK_AND_ASSIGN(const SnapshotRow back,
                       DecodeSnapshot(EncodeSnapshot(row)));
  EXPECT_EQ(back.state, row.state);
  EXPECT_EQ(back.archives, row.archives);
  EXPECT_EQ(back.notes, row.notes);
  EXPECT_EQ(back.is_protected, row.is_protected);
  EXPECT_EQ(back.verification.state, row.verification.state);
  EXPECT_EQ(back.sequence, row.sequence);
  EXPECT_EQ(back.session, row.session);
  EXPECT_EQ(back.publish_time, row.publish_time);
  EXPECT_EQ(back.trash_time, absl::Time());
  EXPECT_EQ(back.state_sequence, 0u);
  EXPECT_EQ(back.stored_bytes, row.stored_bytes);
  EXPECT_TRUE(back.recovered);
  EXPECT_EQ(back.manifest, row.manifest);
  EXPECT_EQ(back.notes_sequence, row.notes_sequence);
  EXPECT_EQ(back.protected_sequence, row.protected_sequence);
  EXPECT_EQ(back.loss_mark, row.loss_mark);
}

TEST(RowCodecTest, SessionsRoundTrip) {
  const SessionRow row = ExampleSession();
  ASSERT_OK_AND_ASSIGN(const SessionRow back,
                       DecodeSession(EncodeSession(row)));
  EXPECT_EQ(back.state, row.state);
  EXPECT_EQ(back.generation, row.generation);
  EXPECT_EQ(back.epoch, row.epoch);
  EXPECT_EQ(back.snapshot, row.snapshot);
  EXPECT_EQ(back.explicit_time, row.explicit_time);
  EXPECT_EQ(back.base_time, row.base_time);
  EXPECT_EQ(back.owner, row.owner);
  EXPECT_EQ(back.notes, row.notes);
  EXPECT_EQ(back.client_label, row.client_label);
  EXPECT_EQ(back.lease, row.lease);
  EXPECT_EQ(back.open_time, row.open_time);
  EXPECT_EQ(back.end_time, row.end_time);
  EXPECT_EQ(back.publish_sequence, row.publish_sequence);
  EXPECT_EQ(back.cancel_sequence, row.cancel_sequence);
  EXPECT_EQ(back.manifest, row.manifest);
  EXPECT_EQ(back.loss_mark, row.loss_mark);
  EXPECT_EQ(back.base_archives, row.base_archives);
}

TEST(RowCodecTest, TrashAndVerificationRoundTrip) {
  SnapshotRow row = ExampleSnapshot();
  for (const SnapshotState state :
       {SnapshotState::kTrash, SnapshotState::kGone}) {
    row.state = state;
    row.trash_time = absl::FromUnixNanos(1795293585123456789);
    row.trash_until = row.trash_time + absl::Hours(168);
    row.state_sequence = 77;
    row.gone_token = 78;
    row.verification.time = absl::FromUnixSeconds(1795293590);
    row.verification.task.bytes.fill(9);
    row.verification.damage = {{"a", 5, 6}, {"b", uint64_t{1} << 60, 7}};
    row.verification.damaged_bytes = 13;
    ASSERT_OK_AND_ASSIGN(const SnapshotRow back,
                         DecodeSnapshot(EncodeSnapshot(row)));
    EXPECT_EQ(back.state, row.state);
    EXPECT_EQ(back.trash_time, row.trash_time);
    EXPECT_EQ(back.trash_until, row.trash_until);
    EXPECT_EQ(back.state_sequence, 77u);
    EXPECT_EQ(back.gone_token, 78u);
    EXPECT_EQ(back.verification.state, row.verification.state);
    EXPECT_EQ(back.verification.time, row.verification.time);
    EXPECT_EQ(back.verification.task, row.verification.task);
    EXPECT_EQ(back.verification.damage, row.verification.damage);
    EXPECT_EQ(back.verification.damaged_bytes, 13u);
  }
  const IndexState state{.sequence_limit = 1,
                         .snapshot_count = 2,
                         .logical_bytes = 3,
                         .counted = true,
                         .trash_count = 4,
                         .trash_bytes = 5,
                         .gone_count = 6,
                         .clock = absl::FromUnixNanos(1795293585123456789)};
  ASSERT_OK_AND_ASSIGN(const IndexState state_back,
                       DecodeState(EncodeState(state)));
  EXPECT_EQ(state_back, state);
}

TEST(RowCodecTest, OtherRowsRoundTrip) {
  Datastore datastore;
  datastore.name = "default";
  datastore.ref.uuid.bytes.fill(4);
  datastore.ref.generation = 5;
  datastore.comment = "c";
  datastore.create_time = absl::FromUnixSeconds(6);
  ASSERT_OK_AND_ASSIGN(const Datastore datastore_back,
                       DecodeDatastore("default", EncodeDatastore(datastore)));
  EXPECT_EQ(datastore_back.ref, datastore.ref);
  EXPECT_EQ(datastore_back.comment, datastore.comment);
  EXPECT_EQ(datastore_back.create_time, datastore.create_time);

  const NamespaceRow space{
      .comment = "c", .create_time = absl::FromUnixSeconds(6), .sequence = 7};
  ASSERT_OK_AND_ASSIGN(const NamespaceRow space_back,
                       DecodeNamespace(EncodeNamespace(space)));
  EXPECT_EQ(space_back.comment, space.comment);
  EXPECT_EQ(space_back.create_time, space.create_time);
  EXPECT_EQ(space_back.sequence, space.sequence);

  const GroupRow group{.owner = "o",
                       .notes = "n",
                       .create_time = absl::FromUnixSeconds(6),
                       .newest_time = 7,
                       .owner_sequence = 8,
                       .notes_sequence = 9,
                       .listed_count = 10,
                       .newest_listed_time = 11};
  ASSERT_OK_AND_ASSIGN(const GroupRow group_back,
                       DecodeGroup(EncodeGroup(group)));
  EXPECT_EQ(group_back.owner, group.owner);
  EXPECT_EQ(group_back.notes, group.notes);
  EXPECT_EQ(group_back.create_time, group.create_time);
  EXPECT_EQ(group_back.newest_time, group.newest_time);
  EXPECT_EQ(group_back.owner_sequence, group.owner_sequence);
  EXPECT_EQ(group_back.notes_sequence, group.notes_sequence);
  EXPECT_EQ(group_back.listed_count, group.listed_count);
  EXPECT_EQ(group_back.newest_listed_time, group.newest_listed_time);

  const IndexState state{.fence = 1,
                         .highest_epoch = 2,
                         .highest_token = 3,
                         .sequence_limit = 4,
                         .namespace_delete_sequence = 5};
  ASSERT_OK_AND_ASSIGN(const IndexState state_back,
                       DecodeState(EncodeState(state)));
  EXPECT_EQ(state_back.fence, state.fence);
  EXPECT_EQ(state_back.highest_epoch, state.highest_epoch);
  EXPECT_EQ(state_back.highest_token, state.highest_token);
  EXPECT_EQ(state_back.sequence_limit, state.sequence_limit);
  EXPECT_EQ(state_back.namespace_delete_sequence,
            state.namespace_delete_sequence);
}

TEST(RowCodecTest, CheckpointsRoundTripOpenAndComplete) {
  ArchiveCheckpoint row;
  row.name = "a";
  row.kind = ArchiveKind::kImage;
  row.chunker = ExampleArchive("a").chunker;
  row.durable_bytes = 5;
  row.builder_state = std::string("st\0ate", 6);
  row.stored_bytes = 6;
  row.revision = 7;
  for (const bool complete : {false, true}) {
    if (complete) row.root = ExampleArchive("a").root;
    ASSERT_OK_AND_ASSIGN(const ArchiveCheckpoint back,
                         DecodeCheckpoint("a", EncodeCheckpoint(row)));
    EXPECT_EQ(back.name, row.name);
    EXPECT_EQ(back.kind, row.kind);
    EXPECT_EQ(back.chunker, row.chunker);
    EXPECT_EQ(back.durable_bytes, row.durable_bytes);
    EXPECT_EQ(back.builder_state, row.builder_state);
    EXPECT_EQ(back.root, row.root);
    EXPECT_EQ(back.stored_bytes, row.stored_bytes);
    EXPECT_EQ(back.revision, row.revision);
  }
}

// Computed by a separate program from record.proto alone. A change here is a
// change of the format.
TEST(RowCodecTest, RowsHaveTheBytesThatTheyAlwaysHad) {
  Datastore datastore;
  datastore.ref.uuid.bytes.fill(4);
  datastore.ref.generation = 5;
  datastore.comment = "c";
  datastore.create_time = absl::FromUnixSeconds(6);
  ArchiveCheckpoint checkpoint;
  checkpoint.kind = ArchiveKind::kImage;
  checkpoint.chunker = ExampleArchive("a").chunker;
  checkpoint.durable_bytes = 5;
  checkpoint.builder_state = std::string("st\0ate", 6);
  checkpoint.root = ExampleArchive("a").root;
  checkpoint.stored_bytes = 6;
  checkpoint.revision = 7;
  const std::pair<std::string, const char*> rows[] = {
      {EncodeDatastore(datastore),
       "ab64eea8fb96d3b913fa1d15f3d650a71ab081bf584b5dfa38988ccb08d2c2e9"},
      {EncodeNamespace({.comment = "c",
                        .create_time = absl::FromUnixSeconds(6),
                        .sequence = 7}),
       "3fa7df62eb4db11f9040cea8aacafc36fd3a2552dbf7097c394b2f84b5e8bd0a"},
      {EncodeGroup({.owner = "o",
                    .notes = "n",
                    .create_time = absl::FromUnixSeconds(6),
                    .newest_time = 7,
                    .owner_sequence = 8,
                    .notes_sequence = 9,
                    .listed_count = 10,
                    .newest_listed_time = 11}),
       "aae0928d9b45b3b2f3a40ad23175e43e2e7633f0a6ac758409a26d01b7af1256"},
      {EncodeSnapshot(ExampleSnapshot()),
       "4cddf8c7e8a0c6ee3f764cdd6a7beefbe398d73c3fb0a5dc7dcee1c29d936910"},
      {EncodeSession(ExampleSession()),
       "2dfc8e0032809088e3879759474fb818fa762c59492747e165df5b6245cb3c99"},
      {EncodeCheckpoint(checkpoint),
       "d720f379607e7cd4d76284c98517658779be23cde3ee2b9a301a708d46f7199c"},
      {EncodeState({.fence = 1,
                    .highest_epoch = 2,
                    .highest_token = 3,
                    .sequence_limit = 4,
                    .namespace_delete_sequence = 5,
                    .snapshot_count = 6,
                    .logical_bytes = 7,
                    .counted = true}),
       "c98a8731b060abef5cb3e687a052077f7394e1ac9fb64d731017431ee9a537c5"},
      {EncodeState({.fence = 1,
                    .highest_epoch = 2,
                    .highest_token = 3,
                    .sequence_limit = 4,
                    .namespace_delete_sequence = 5,
                    .snapshot_count = 6,
                    .logical_bytes = 7,
                    .counted = true,
                    .trash_count = 8,
                    .trash_bytes = 9,
                    .gone_count = 10,
                    .clock = absl::FromUnixSeconds(6)}),
       "9467c7f667d5ad0b6baca1a0a9ccd64944b73f0ec17096ed0c0a5123036fcbb1"},
  };
  for (const auto& [bytes, digest] : rows) {
    EXPECT_EQ(Sha256(bytes).ToHex(), digest) << absl::BytesToHexString(bytes);
  }
}

// Every decoder, over one valid row of its own.
struct Decoder {
  std::string valid;
  std::function<absl::Status(std::string_view)> decode;
};
std::vector<Decoder> Decoders() {
  Datastore datastore;
  datastore.ref.uuid.bytes.fill(4);
  datastore.ref.generation = 5;
  ArchiveCheckpoint checkpoint;
  checkpoint.root = ExampleArchive("a").root;
  return {
      {EncodeDatastore(datastore),
       [](auto b) { return DecodeDatastore("default", b).status(); }},
      {EncodeNamespace({.comment = "c"}),
       [](auto b) { return DecodeNamespace(b).status(); }},
      {EncodeGroup({.owner = "o"}),
       [](auto b) { return DecodeGroup(b).status(); }},
      {EncodeSnapshot(ExampleSnapshot()),
       [](auto b) { return DecodeSnapshot(b).status(); }},
      {EncodeSession(ExampleSession()),
       [](auto b) { return DecodeSession(b).status(); }},
      {EncodeCheckpoint(checkpoint),
       [](auto b) { return DecodeCheckpoint("a", b).status(); }},
      {EncodeState({.fence = 1}),
       [](auto b) { return DecodeState(b).status(); }},
  };
}

TEST(RowCodecTest, RefusesOtherFormatVersionsAndEmptyRows) {
  for (const Decoder& decoder : Decoders()) {
    EXPECT_OK(decoder.decode(decoder.valid));
    EXPECT_THAT(decoder.decode(""),
                StatusIs(kDataLoss, HasSubstr("format version is 0")));
    // Field 1 comes first in every row, as a varint.
    std::string newer = decoder.valid;
    ASSERT_EQ(newer.substr(0, 2), "\x08\x01");
    newer[1] = 2;
    EXPECT_THAT(decoder.decode(newer),
                StatusIs(kDataLoss, HasSubstr("format version is 2")));
  }
}

TEST(RowCodecTest, TakesAnyBytesWithoutHarm) {
  std::mt19937_64 random(TestSeed());
  for (const Decoder& decoder : Decoders()) {
    for (int i = 0; i < 3000; ++i) {
      std::string bytes = decoder.valid;
      for (uint64_t n = 1 + random() % 3; n > 0; --n) {
        bytes[random() % bytes.size()] = static_cast<char>(random());
      }
      if (random() % 4 == 0) bytes.resize(random() % bytes.size());
      const absl::Status status = decoder.decode(bytes);
      EXPECT_TRUE(status.ok() || absl::IsDataLoss(status)) << status;
    }
  }
}

TEST(RowCodecTest, RefusesSnapshotsThatCannotBe) {
  using Proto = record::v1::SnapshotRow;
  const std::vector<std::function<void(Proto&)>> changes = {
      [](Proto& p) { p.set_state(0); },
      [](Proto& p) { p.set_state(4); },
      [](Proto& p) { p.set_verify_state(3); },
      [](Proto& p) { p.set_verify_task("x"); },
      [](Proto& p) { p.add_damage()->set_archive("/"); },
      [](Proto& p) {
        for (int i = 0; i < 101; ++i) p.add_damage()->set_archive("a");
      },
      [](Proto& p) { p.clear_archives(); },
      [](Proto& p) { p.mutable_archives(1)->set_name("a"); },
      [](Proto& p) { p.mutable_archives(0)->set_name("/"); },
      [](Proto& p) { p.mutable_archives(0)->set_kind(9); },
      [](Proto& p) { p.mutable_archives(0)->mutable_root()->set_level(8); },
      [](Proto& p) { p.mutable_archives(0)->mutable_root()->set_page("x"); },
      [](Proto& p) { p.set_session(""); },
      [](Proto& p) { p.set_manifest(""); },
  };
  for (const auto& change : changes) {
    Proto proto;
    ASSERT_TRUE(proto.ParseFromString(EncodeSnapshot(ExampleSnapshot())));
    change(proto);
    EXPECT_THAT(DecodeSnapshot(proto.SerializeAsString()), StatusIs(kDataLoss));
  }
}

TEST(RowCodecTest, RefusesSessionsThatCannotBe) {
  using Proto = record::v1::SessionRow;
  const std::vector<std::function<void(Proto&)>> changes = {
      [](Proto& p) { p.set_state(0); },
      // Fenced is derived and never stored.
      [](Proto& p) { p.set_state(4); },
      [](Proto& p) { p.set_epoch(0); },
      [](Proto& p) { p.set_generation(0); },
      [](Proto& p) { p.set_time(0); },
      [](Proto& p) { p.set_base_time(-1); },
      [](Proto& p) { p.set_lease("x"); },
      [](Proto& p) { p.mutable_group()->set_type(0); },
      [](Proto& p) { p.mutable_group()->set_id("a/b"); },
      [](Proto& p) { p.mutable_group()->set_namespace_path("a//b"); },
  };
  for (const auto& change : changes) {
    Proto proto;
    ASSERT_TRUE(proto.ParseFromString(EncodeSession(ExampleSession())));
    change(proto);
    EXPECT_THAT(DecodeSession(proto.SerializeAsString()), StatusIs(kDataLoss));
  }
}

}  // namespace
}  // namespace cairn::index
