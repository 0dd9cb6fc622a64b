#include "common/wire/session.h"

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/testing/status_matchers.h"
#include "gtest/gtest.h"

namespace cairn {
namespace {

using ::testing::HasSubstr;
constexpr auto kInvalid = absl::StatusCode::kInvalidArgument;

Session Example() {
  Session session;
  session.ref.datastore.uuid.bytes[0] = 1;
  session.ref.datastore.generation = 1;
  session.ref.session.bytes[0] = 2;
  session.ref.epoch = 12;
  session.snapshot = {.group = {.parent = {.datastore = "default", .path = {}},
                                .type = BackupType::kHost,
                                .id = "web1"},
                      .time = 1795293585};
  session.base = session.snapshot;
  session.base->time -= 60;
  session.owner = "root@unix";
  session.notes = "n";
  session.client_label = "secret label";
  session.lease = session.ref.session;
  session.open_time = absl::FromUnixSeconds(1795293585);
  ArchiveCheckpoint archive;
  archive.name = "root.pxa";
  archive.chunker = {.name = "poly-v1",
                     .min_bytes = 1 << 18,
                     .average_bytes = 1 << 20,
                     .max_bytes = 1 << 22};
  archive.durable_bytes = 1000;
  archive.builder_state = "state";
  session.archives.push_back(archive);
  archive.name = "var.pxa";
  archive.builder_state = "";
  archive.root = PageRoot{.size_bytes = 1000, .chunk_count = 1};
  session.archives.push_back(archive);
  return session;
}

TEST(SessionWireTest, RoundTripsWhatAClientMaySee) {
  const Session session = Example();
  ASSERT_OK_AND_ASSIGN(const Session back, FromProto(ToProto(session)));
  EXPECT_EQ(back.ref, session.ref);
  EXPECT_EQ(back.snapshot, session.snapshot);
  EXPECT_EQ(back.state, session.state);
  EXPECT_EQ(back.base, session.base);
  EXPECT_EQ(back.owner, session.owner);
  EXPECT_EQ(back.notes, session.notes);
  EXPECT_EQ(back.open_time, session.open_time);
  ASSERT_EQ(back.archives.size(), 2u);
  EXPECT_EQ(back.archives[0].name, "root.pxa");
  EXPECT_EQ(back.archives[0].durable_bytes, 1000u);
  EXPECT_FALSE(back.archives[0].complete());
  EXPECT_EQ(back.archives[1].root, session.archives[1].root);
}

TEST(SessionWireTest, HidesBuilderStatesLabelAndLease) {
  const std::string bytes = ToProto(Example()).SerializeAsString();
  EXPECT_THAT(bytes, ::testing::Not(HasSubstr("secret label")));
  EXPECT_THAT(bytes, ::testing::Not(HasSubstr("state")));
}

struct Hostile {
  std::string expected;  // part of the error's text
  std::function<void(model::v1::Session&)> change;
};

TEST(SessionWireTest, RefusesFieldsOutOfBoundsByName) {
  const std::vector<Hostile> cases = {
      {"name", [](auto& s) { s.set_name("datastores/default"); }},
      {"snapshot", [](auto& s) { s.set_snapshot(""); }},
      {"datastore",
       [](auto& s) {
         s.set_name(
             "datastores/other/sessions/"
             "02000000-0000-0000-0000-000000000000");
       }},
      {"state is 0", [](auto& s) { s.clear_state(); }},
      {"epoch", [](auto& s) { s.set_epoch(0); }},
      {"base_snapshot", [](auto& s) { s.set_base_snapshot("x"); }},
      {"owner", [](auto& s) { s.set_owner(std::string(257, 'x')); }},
      {"notes", [](auto& s) { s.set_notes(std::string(65537, 'x')); }},
      {"datastore: uuid", [](auto& s) { s.clear_datastore(); }},
      {"archives[0]: name",
       [](auto& s) { s.mutable_archives(0)->set_name(""); }},
      {"archives[0]: chunker",
       [](auto& s) { s.mutable_archives(0)->clear_chunker(); }},
      {"complete", [](auto& s) { s.mutable_archives(0)->set_complete(true); }},
      {"archives[1] is root.pxa",
       [](auto& s) { s.mutable_archives(1)->set_name("root.pxa"); }},
      {"archives has 257",
       [](auto& s) {
         while (s.archives_size() < 257) s.add_archives();
       }},
  };
  for (const Hostile& hostile : cases) {
    model::v1::Session proto = ToProto(Example());
    hostile.change(proto);
    EXPECT_THAT(FromProto(proto),
                StatusIs(kInvalid, HasSubstr(hostile.expected)));
  }
}

}  // namespace
}  // namespace cairn
