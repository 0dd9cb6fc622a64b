// WriteRanges by its messages: a round trip, and what is refused.

#include "services/ingest/rpc/write_ranges.h"

#include <deque>
#include <string>
#include <vector>

#include "common/status/reason.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "services/ingest/engine/ingest_harness.h"
#include "services/ingest/rpc/fake_messages.h"

namespace cairn::ingest {
namespace {

using absl::StatusCode;
using Request = v1::WriteRangesRequest;
using Response = v1::WriteRangesResponse;
using Messages = FakeMessages<Request, Response>;

Request Data(uint64_t offset, const std::string& bytes) {
  Request request;
  request.mutable_data()->set_offset(offset);
  request.mutable_data()->set_data(bytes);
  return request;
}

Request Hole(uint64_t offset, uint64_t length) {
  Request request;
  request.mutable_hole()->set_offset(offset);
  request.mutable_hole()->set_length(length);
  return request;
}

Request Flush() {
  Request request;
  request.mutable_flush();
  return request;
}

Request End() {
  Request request;
  request.mutable_end();
  return request;
}

class WriteRangesTest : public testing::Test {
 protected:
  WriteRangesTest() : harness_(TestSeed()) {
    const Session first = *harness_.OpenSession();
    {
      OpenedStream opened = *OpenStream(harness_, first, "a");
      EXPECT_OK(opened.writer().Write(0, old_));
      EXPECT_OK(opened.writer().End(old_.size()).status());
    }
    base_ = *harness_.Finish(first, {{"a", old_.size()}});
    session_ = *harness_.OpenSession();
  }

  Request Begin() {
    Request request;
    Request::Begin& begin = *request.mutable_begin();
    begin.set_session(SessionName{"default", session_.ref.session}.ToString());
    begin.set_archive("a");
    begin.set_base_snapshot(base_.name.ToString());
    begin.set_size_bytes(old_.size());
    return request;
  }
  absl::Status Serve(Messages& messages) {
    return ServeWriteRanges(harness_.replica().backup(), harness_.admin(),
                            messages, &harness_.executor());
  }
  absl::Status Serve(std::vector<Request> requests) {
    Messages messages(std::move(requests));
    return Serve(messages);
  }

  const std::string old_ = std::string(100'000, 'x');
  IngestHarness harness_;
  Snapshot base_;
  Session session_;
};

TEST_F(WriteRangesTest, WhatIsWrittenIsRead) {
  Messages messages({Begin(), Data(10, "12345"), Flush(), Hole(50'000, 7),
                     Data(60'000, "6"), End()});
  ASSERT_OK(Serve(messages));
  const std::deque<Response> responses = messages.responses();
  ASSERT_GE(responses.size(), 2u);
  EXPECT_EQ(responses.front().started().offset(), 0u);
  EXPECT_EQ(responses.front().started().chunker().name(), kSmallChunks.name);
  EXPECT_EQ(responses.back().finished().archive().root().size_bytes(),
            old_.size());
  EXPECT_GT(responses.back().finished().statistics().reused_bytes(), 0u);
  ASSERT_OK_AND_ASSIGN(const Snapshot snapshot,
                       harness_.Finish(session_, {{"a", old_.size()}}));
  std::string now = old_;
  now.replace(10, 5, "12345");
  now.replace(50'000, 7, std::string(7, '\0'));
  now.replace(60'000, 1, "6");
  EXPECT_TRUE(*harness_.Read(snapshot, "a") == now);
}

TEST_F(WriteRangesTest, RefusesWhatIsOutOfFormOrOrder) {
  Request no_base = Begin();
  no_base.mutable_begin()->clear_base_snapshot();
  Request no_session = Begin();
  no_session.mutable_begin()->set_session("x");
  Request bad_name = Begin();
  bad_name.mutable_begin()->set_archive("../a");
  for (const std::vector<Request>& wrong :
       std::vector<std::vector<Request>>{{},
                                         {Data(0, "x")},
                                         {Begin(), Begin()},
                                         {Begin(), Request()},
                                         {Begin()},  // and no end
                                         {no_base},
                                         {no_session},
                                         {bad_name},
                                         {Begin(), Data(0, "")},
                                         {Begin(), Hole(0, 0)},
                                         {Begin(), Data(100'000, "x")},
                                         {Begin(), Hole(99'999, 2)}}) {
    EXPECT_THAT(Serve(wrong), StatusIs(StatusCode::kInvalidArgument));
  }
  EXPECT_THAT(Serve({Begin(), Data(5, "12"), Data(6, "3")}),
              HasReasonCode(reason::kOffsetMismatch));
  Request other_base = Begin();
  other_base.mutable_begin()->set_base_snapshot(session_.snapshot.ToString());
  EXPECT_THAT(Serve({other_base, End()}), HasReasonCode(reason::kReuseRefused));
  // None of them has left the archive taken.
  EXPECT_OK(Serve({Begin(), End()}));
}

}  // namespace
}  // namespace cairn::ingest
