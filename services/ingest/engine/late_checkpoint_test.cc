// A stream that was cut off may have a checkpoint on its way to index when the
// next stream of its archive starts.

#include <random>
#include <string>

#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"

namespace cairn::ingest {
namespace {

class LateCheckpointTest : public testing::Test {
 protected:
  LateCheckpointTest() : random_(TestSeed()), harness_(random_()) {}

  ArchiveCheckpoint Stored(const Session& session) {
    return harness_.index()
        .client()
        .GetSession(harness_.admin(), {"default", session.ref.session})
        ->archives.at(0);
  }
  absl::Status Save(const Session& session,
                    const ArchiveCheckpoint& checkpoint) {
    return harness_.index().client().SaveCheckpoint(harness_.admin(),
                                                    session.ref, checkpoint, 0);
  }

  std::mt19937_64 random_;
  IngestHarness harness_;
};

TEST_F(LateCheckpointTest, TheNewStreamIsToldToResumeAndCompletes) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  const std::string bytes(100'000, 'x');
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream old, OpenStream(harness_, session, "a"));
    ASSERT_OK(old.writer().Write(0, bytes.substr(0, 20'000)));
    ASSERT_OK(old.writer().Flush());
    old.listener->AwaitDurable(16384);
  }
  ArchiveCheckpoint late = Stored(session);
  EXPECT_EQ(late.durable_bytes, 16384u);
  {
    ASSERT_OK_AND_ASSIGN(OpenedStream stream,
                         OpenStream(harness_, session, "a", 16384));
    late.stored_bytes += 1'000'000;
    ++late.revision;
    ASSERT_OK(Save(session, late));
    ASSERT_OK(stream.writer().Write(16384, bytes.substr(16384)));
    const auto ended = stream.writer().End(bytes.size());
    EXPECT_THAT(ended, StatusIs(absl::StatusCode::kOutOfRange));
    EXPECT_THAT(ended, HasReasonCode(reason::kOffsetMismatch));
  }
  ASSERT_OK_AND_ASSIGN(OpenedStream resumed,
                       OpenStream(harness_, session, "a", 16384));
  ASSERT_OK(resumed.writer().Write(16384, bytes.substr(16384)));
  ASSERT_OK(resumed.writer().Flush());
  ASSERT_OK(resumed.writer().End(bytes.size()));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", bytes.size()}}));
  EXPECT_THAT(harness_.Read(snapshot, "a"), IsOkAndHolds(bytes));
}

TEST_F(LateCheckpointTest, AfterTheNewStreamsCheckpointItIsRefused) {
  ASSERT_OK_AND_ASSIGN(const Session session, harness_.OpenSession());
  const std::string bytes(100'000, 'x');
  ASSERT_OK_AND_ASSIGN(OpenedStream stream, OpenStream(harness_, session, "a"));
  ASSERT_OK(stream.writer().Write(0, bytes.substr(0, 20'000)));
  ASSERT_OK(stream.writer().Flush());
  stream.listener->AwaitDurable(16384);
  // As long, of other bytes: the old stream read another file.
  ArchiveCheckpoint late = Stored(session);
  late.builder_state.back() ^= 1;
  EXPECT_THAT(Save(session, late), HasReasonCode(reason::kOffsetMismatch));
  ASSERT_OK(stream.writer().Write(20'000, bytes.substr(20'000)));
  ASSERT_OK(stream.writer().End(bytes.size()));
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session, {{"a", bytes.size()}}));
  EXPECT_THAT(harness_.Read(snapshot, "a"), IsOkAndHolds(bytes));
}

}  // namespace
}  // namespace cairn::ingest
