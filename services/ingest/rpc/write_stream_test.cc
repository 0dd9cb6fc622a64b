#include "services/ingest/rpc/write_stream.h"

#include <deque>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "common/concurrency/cancellation.h"
#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"
#include "services/ingest/rpc/fake_messages.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using Request = v1::WriteStreamRequest;
using Response = v1::WriteStreamResponse;
using Messages = FakeMessages<Request, Response>;
using testing::HasSubstr;

class WriteStreamTest : public testing::Test {
 protected:
  WriteStreamTest() : harness_(TestSeed()) {
    session_ = *harness_.OpenSession();
  }

  Request Begin(const std::string& archive) {
    Request request;
    request.mutable_begin()->set_session(
        SessionName{"default", session_.ref.session}.ToString());
    request.mutable_begin()->set_archive(archive);
    request.mutable_begin()->set_kind(model::v1::ARCHIVE_KIND_STREAM);
    return request;
  }
  static Request Data(uint64_t offset, std::string bytes) {
    Request request;
    request.mutable_data()->set_offset(offset);
    request.mutable_data()->set_data(std::move(bytes));
    return request;
  }
  static Request Flush() {
    Request request;
    request.mutable_flush();
    return request;
  }
  static Request End(uint64_t size_bytes) {
    Request request;
    request.mutable_end()->set_size_bytes(size_bytes);
    return request;
  }

  // Serves what is sent until the stream ends.
  absl::Status Serve(std::vector<Request> requests) {
    for (Request& request : requests) messages_.Send(std::move(request));
    messages_.HalfClose();
    return ServeWriteStream(harness_.replica().backup(), harness_.admin(),
                            messages_, &harness_.executor());
  }

  IngestHarness harness_;
  Session session_;
  Messages messages_;
};

TEST_F(WriteStreamTest, AnswersStartedThenFinished) {
  ASSERT_OK(Serve({Begin("a"), Data(0, "hello"), End(5)}));
  const std::deque<Response> responses = messages_.responses();
  ASSERT_EQ(responses.size(), 2u);
  EXPECT_EQ(responses[0].started().offset(), 0u);
  EXPECT_EQ(responses[0].started().chunker().name(), "poly-v1");
  EXPECT_EQ(responses[1].finished().archive().root().size_bytes(), 5u);
  EXPECT_EQ(responses[1].finished().statistics().new_chunk_count(), 1u);
}

TEST_F(WriteStreamTest, RefusesMessagesOutOfOrder) {
  EXPECT_THAT(Serve({}), StatusIs(StatusCode::kInvalidArgument));
  Messages none;
  for (const std::vector<Request>& wrong : std::vector<std::vector<Request>>{
           {Data(0, "x")},
           {End(0)},
           {Begin("a"), Begin("a")},
           {Begin("a"), Request()},
           {Begin("a"), Data(0, "")},
           {Begin("a"), Data(0, std::string(kMaxFrameBytes + 1, 'x'))},
           {Begin("a"), Data(0, "x")},
           {Begin(".a")}}) {
    Messages messages;
    for (const Request& request : wrong) messages.Send(request);
    messages.HalfClose();
    EXPECT_THAT(ServeWriteStream(harness_.replica().backup(), harness_.admin(),
                                 messages, &harness_.executor()),
                StatusIs(StatusCode::kInvalidArgument));
  }
  // None of them has left the archive taken.
  Messages good;
  good.Send(Begin("a"));
  good.Send(End(0));
  EXPECT_OK(ServeWriteStream(harness_.replica().backup(), harness_.admin(),
                             good, &harness_.executor()));
}

TEST_F(WriteStreamTest, AFlushIsAnsweredWhileThePeerOnlyListens) {
  absl::Notification ended;
  ASSERT_OK(harness_.executor().Schedule([&] {
    EXPECT_OK(ServeWriteStream(harness_.replica().backup(), harness_.admin(),
                               messages_, &harness_.executor()));
    ended.Notify();
  }));
  messages_.Send(Begin("a"));
  EXPECT_TRUE(messages_.Receive().has_started());
  messages_.Send(Data(0, "hello"));
  messages_.Send(Flush());
  const Response watermark = messages_.Receive();
  EXPECT_EQ(watermark.watermark().durable_bytes(), 0u);
  EXPECT_EQ(watermark.watermark().accepted_bytes(), 5u);
  messages_.Send(End(5));
  EXPECT_TRUE(messages_.Receive().has_finished());
  ended.WaitForNotification();
}

TEST_F(WriteStreamTest, AFailureBehindTheFramesEndsAStreamThatIsIdle) {
  absl::Notification ended;
  ASSERT_OK(harness_.executor().Schedule([&] {
    EXPECT_THAT(ServeWriteStream(harness_.replica().backup(), harness_.admin(),
                                 messages_, &harness_.executor()),
                HasReasonCode(reason::kStorageFull));
    ended.Notify();
  }));
  messages_.Send(Begin("a"));
  EXPECT_TRUE(messages_.Receive().has_started());
  harness_.chunks().SetFull(true);
  std::mt19937_64 random(TestSeed());
  std::string bytes(kMaxFrameBytes, 0);
  for (char& byte : bytes) byte = static_cast<char>(random());
  // More than one chunk of the default chunker is sure to be cut.
  for (uint64_t at = 0; at < 5 * kMaxFrameBytes; at += kMaxFrameBytes) {
    messages_.Send(Data(at, bytes));
  }
  messages_.Send(Flush());
  ended.WaitForNotification();  // nothing more is sent
}

TEST_F(WriteStreamTest, ALostConnectionIsNoError) {
  CancellationToken connection;
  Call call = harness_.admin();
  call.cancellation = &connection;
  messages_.Send(Begin("a"));
  messages_.Send(Data(0, "hello"));
  connection.Cancel();
  messages_.HalfClose();
  EXPECT_THAT(ServeWriteStream(harness_.replica().backup(), call, messages_,
                               &harness_.executor()),
              StatusIs(StatusCode::kCancelled));
}

TEST_F(WriteStreamTest, AnEndWithoutEndSaysWhatToDo) {
  EXPECT_THAT(Serve({Begin("a"), Data(0, "hello")}),
              StatusIs(StatusCode::kInvalidArgument, HasSubstr("resume")));
}

}  // namespace
}  // namespace cairn::ingest
