// DiffArchives by its messages.

#include "services/ingest/rpc/diff_archives.h"

#include <string>
#include <utility>
#include <vector>

#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;

class FakeWriter final : public MessageWriter<v1::DiffArchivesResponse> {
 public:
  bool Write(v1::DiffArchivesResponse message) override {
    messages.push_back(std::move(message));
    return alive;
  }
  std::vector<v1::DiffArchivesResponse> messages;
  bool alive = true;
};

class DiffArchivesTest : public testing::Test {
 protected:
  DiffArchivesTest() : harness_(TestSeed()) {}

  void SetUp() override {
    request_.set_base(BackUp(std::string(10, 'x')));
    request_.set_name(BackUp(std::string(15, 'x')));
  }

  std::string BackUp(const std::string& content) {
    const Session session = *harness_.OpenSession();
    {
      OpenedStream opened = *OpenStream(harness_, session, "a");
      EXPECT_OK(opened.writer().Write(0, content));
      EXPECT_OK(opened.writer().End(content.size()));
    }
    const Snapshot snapshot =
        *harness_.Finish(session, {{"a", content.size()}});
    return ArchiveName{snapshot.name, "a"}.ToString();
  }

  absl::Status Serve(FakeWriter& writer) {
    return ServeDiffArchives(harness_.replica().restore(), harness_.admin(),
                             request_, writer);
  }

  IngestHarness harness_;
  v1::DiffArchivesRequest request_;
};

TEST_F(DiffArchivesTest, SendsRangesAndHowFarItGot) {
  FakeWriter writer;
  ASSERT_OK(Serve(writer));
  ASSERT_EQ(writer.messages.size(), 1u);
  ASSERT_EQ(writer.messages[0].ranges_size(), 1);
  EXPECT_EQ(writer.messages[0].ranges(0).offset(), 0u);
  EXPECT_EQ(writer.messages[0].ranges(0).length(), 15u);
  EXPECT_EQ(writer.messages[0].compared_bytes(), 15u);
  request_.set_offset(12);
  FakeWriter rest;
  ASSERT_OK(Serve(rest));
  EXPECT_EQ(rest.messages.at(0).ranges(0).offset(), 12u);
  EXPECT_EQ(rest.messages.at(0).ranges(0).length(), 3u);
  FakeWriter dead;
  dead.alive = false;
  EXPECT_THAT(Serve(dead), StatusIs(StatusCode::kCancelled));
}

TEST_F(DiffArchivesTest, RefusesBeforeItSends) {
  FakeWriter writer;
  const v1::DiffArchivesRequest good = request_;
  request_.clear_base();
  EXPECT_THAT(Serve(writer), StatusIs(StatusCode::kInvalidArgument));
  request_ = good;
  request_.set_name("datastores/default");
  EXPECT_THAT(Serve(writer), StatusIs(StatusCode::kInvalidArgument));
  request_ = good;
  request_.set_base(good.base() + "b");
  EXPECT_THAT(Serve(writer), StatusIs(StatusCode::kNotFound));
  request_ = good;
  request_.set_offset(16);
  EXPECT_THAT(Serve(writer), StatusIs(StatusCode::kOutOfRange));
  EXPECT_THAT(writer.messages, testing::IsEmpty());
}

}  // namespace
}  // namespace cairn::ingest
