#include "common/wire/snapshot.h"

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

GroupName ExampleGroup() {
  return {.parent = {.datastore = "default", .path = {{"prod", "web"}}},
          .type = BackupType::kVm,
          .id = "100"};
}

Archive ExampleArchive(std::string name) {
  Archive archive;
  archive.name = std::move(name);
  archive.chunker = {.name = "poly-v1",
                     .min_bytes = 1 << 18,
                     .average_bytes = 1 << 20,
                     .max_bytes = 1 << 22};
  archive.root.size_bytes = 1000;
  archive.root.chunk_count = 1;
  return archive;
}

Snapshot Example() {
  Snapshot snapshot;
  snapshot.name = {.group = ExampleGroup(), .time = 1795293585};
  snapshot.state = SnapshotState::kTrash;
  snapshot.archives = {ExampleArchive("a"), ExampleArchive("b")};
  snapshot.notes = "before the upgrade";
  snapshot.is_protected = true;
  snapshot.owner = "root@unix";
  snapshot.verification.state = VerifyState::kFailed;
  snapshot.sequence = 1025;
  snapshot.session.bytes[1] = 1;
  snapshot.publish_time = absl::FromUnixNanos(1795293586000000005);
  snapshot.stored_bytes = 77;
  snapshot.recovered = true;
  snapshot.verification.time = absl::FromUnixSeconds(1795293587);
  snapshot.verification.task.bytes[2] = 2;
  snapshot.verification.damage = {{"a", 1, 2}, {"b", 3, 4}};
  snapshot.verification.damaged_bytes = 6;
  snapshot.trash_time = absl::FromUnixNanos(1795293588000000001);
  snapshot.trash_until = absl::FromUnixNanos(1795293589000000001);
  return snapshot;
}

TEST(SnapshotWireTest, RoundTrips) {
  const Snapshot snapshot = Example();
  const model::v1::Snapshot proto = ToProto(snapshot);
  EXPECT_EQ(proto.size_bytes(), 2000u);
  ASSERT_OK_AND_ASSIGN(const Snapshot back, FromProto(proto));
  EXPECT_EQ(back.name, snapshot.name);
  EXPECT_EQ(back.state, snapshot.state);
  EXPECT_EQ(back.archives, snapshot.archives);
  EXPECT_EQ(back.notes, snapshot.notes);
  EXPECT_EQ(back.is_protected, snapshot.is_protected);
  EXPECT_EQ(back.owner, snapshot.owner);
  EXPECT_EQ(back.verification.state, snapshot.verification.state);
  EXPECT_EQ(back.sequence, snapshot.sequence);
  EXPECT_EQ(back.session, snapshot.session);
  EXPECT_EQ(back.publish_time, snapshot.publish_time);
  EXPECT_EQ(back.stored_bytes, snapshot.stored_bytes);
  EXPECT_TRUE(back.recovered);
  EXPECT_EQ(back.verification.time, snapshot.verification.time);
  EXPECT_EQ(back.verification.task, snapshot.verification.task);
  EXPECT_EQ(back.verification.damage, snapshot.verification.damage);
  EXPECT_EQ(back.verification.damaged_bytes, 6u);
  EXPECT_EQ(back.trash_time, snapshot.trash_time);
  EXPECT_EQ(back.trash_until, snapshot.trash_until);
}

TEST(SnapshotWireTest, WhatIsListedAndWasNeverVerifiedSaysNoMore) {
  Snapshot snapshot = Example();
  snapshot.state = SnapshotState::kListed;
  snapshot.verification = Verification();
  snapshot.trash_time = std::nullopt;
  snapshot.trash_until = std::nullopt;
  const model::v1::Snapshot proto = ToProto(snapshot);
  EXPECT_FALSE(proto.has_trash_time());
  EXPECT_FALSE(proto.has_trash_until());
  EXPECT_FALSE(proto.has_verify_time());
  EXPECT_EQ(proto.verify_task(), "");
  ASSERT_OK_AND_ASSIGN(const Snapshot back, FromProto(proto));
  EXPECT_EQ(back.trash_until, std::nullopt);
  EXPECT_EQ(back.verification.state, VerifyState::kNever);
}

TEST(SnapshotWireTest, NamesOfSnapshotsAreBoundedAndDistinct) {
  google::protobuf::RepeatedPtrField<std::string> names;
  const auto read = [&] { return SnapshotNamesFromProto("names", names, 2); };
  EXPECT_THAT(read(), StatusIs(kInvalid, HasSubstr("names has 0 items")));
  const SnapshotName first = Example().name;
  SnapshotName second = first;
  second.time += 1;
  names.Add(first.ToString());
  names.Add(second.ToString());
  EXPECT_THAT(read(), IsOkAndHolds(std::vector<SnapshotName>{first, second}));
  names.Add(first.ToString());
  EXPECT_THAT(read(), StatusIs(kInvalid, HasSubstr("names has 3 items")));
  names.RemoveLast();
  *names.Mutable(1) = first.ToString();
  EXPECT_THAT(read(), StatusIs(kInvalid, HasSubstr("names[1]")));
  *names.Mutable(1) = "datastores/default";
  EXPECT_THAT(read(), StatusIs(kInvalid, HasSubstr("names[1]")));
}

struct Hostile {
  std::string expected;  // part of the error's text
  std::function<void(model::v1::Snapshot&)> change;
};

TEST(SnapshotWireTest, RefusesFieldsOutOfBoundsByName) {
  const std::vector<Hostile> cases = {
      {"name", [](auto& s) { s.set_name("datastores/default"); }},
      {"state is 0", [](auto& s) { s.clear_state(); }},
      {"state is 9",
       [](auto& s) { s.set_state(static_cast<model::v1::SnapshotState>(9)); }},
      {"archives has 0", [](auto& s) { s.clear_archives(); }},
      {"archives has 257",
       [](auto& s) {
         while (s.archives_size() < 257) s.add_archives();
       }},
      {"archives[1] is a",
       [](auto& s) { s.mutable_archives(1)->set_name("a"); }},
      {"archives[1]: root: level",
       [](auto& s) { s.mutable_archives(1)->mutable_root()->set_level(99); }},
      {"notes", [](auto& s) { s.set_notes(std::string(65537, 'n')); }},
      {"owner", [](auto& s) { s.set_owner(std::string(257, 'n')); }},
      {"verify_state",
       [](auto& s) {
         s.set_verify_state(static_cast<model::v1::VerifyState>(3));
       }},
      {"verify_time", [](auto& s) { s.mutable_verify_time()->set_nanos(-1); }},
      {"verify_task", [](auto& s) { s.set_verify_task("no uuid"); }},
      {"damage has 101",
       [](auto& s) {
         while (s.damage_size() < 101) s.add_damage()->set_archive("a");
       }},
      {"damage[0]", [](auto& s) { s.mutable_damage(0)->set_archive("/"); }},
      {"trash_time", [](auto& s) { s.mutable_trash_time()->set_nanos(-1); }},
      {"trash_until", [](auto& s) { s.mutable_trash_until()->set_nanos(-1); }},
      {"session", [](auto& s) { s.set_session("no uuid"); }},
      {"publish_time",
       [](auto& s) { s.mutable_publish_time()->set_nanos(-1); }},
  };
  for (const Hostile& hostile : cases) {
    model::v1::Snapshot proto = ToProto(Example());
    hostile.change(proto);
    EXPECT_THAT(FromProto(proto),
                StatusIs(kInvalid, HasSubstr(hostile.expected)));
  }
}

TEST(SnapshotWireTest, GroupsRoundTripWithAndWithoutASnapshot) {
  Group group;
  group.name = ExampleGroup();
  group.owner = "root@unix";
  group.notes = "n";
  group.create_time = absl::FromUnixSeconds(5);
  group.snapshot_count = 4;
  for (const std::optional<int64_t> last :
       {std::optional<int64_t>(), std::optional<int64_t>(1795293585)}) {
    group.last_snapshot_time = last;
    ASSERT_OK_AND_ASSIGN(const Group back, FromProto(ToProto(group)));
    EXPECT_EQ(back.name, group.name);
    EXPECT_EQ(back.owner, group.owner);
    EXPECT_EQ(back.notes, group.notes);
    EXPECT_EQ(back.create_time, group.create_time);
    EXPECT_EQ(back.last_snapshot_time, last);
    EXPECT_EQ(back.snapshot_count, group.snapshot_count);
  }
}

TEST(SnapshotWireTest, NamespacesRoundTripAndAreBounded) {
  Namespace item;
  item.name = ExampleGroup().parent;
  item.comment = "c";
  item.create_time = absl::FromUnixSeconds(5);
  model::v1::Namespace proto = ToProto(item);
  ASSERT_OK_AND_ASSIGN(const Namespace back, FromProto(proto));
  EXPECT_EQ(back.name, item.name);
  EXPECT_EQ(back.comment, item.comment);
  EXPECT_EQ(back.create_time, item.create_time);
  proto.set_comment(std::string(1025, 'x'));
  EXPECT_THAT(FromProto(proto), StatusIs(kInvalid, HasSubstr("comment")));
}

}  // namespace
}  // namespace cairn
