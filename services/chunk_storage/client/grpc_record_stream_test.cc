// A chunk_storage that takes a Get and then says nothing.

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "cairn/chunk_storage/v1/chunk_storage_service.grpc.pb.h"
#include "common/concurrency/cancellation.h"
#include "common/concurrency/thread_pool_executor.h"
#include "common/rpc/channel.h"
#include "common/testing/status_matchers.h"
#include "common/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/grpc_chunk_client.h"

namespace cairn {
namespace {

using absl::StatusCode;
namespace v1 = chunk_storage::v1;

class SilentStore final : public v1::ChunkStorageService::CallbackService {
 public:
  grpc::ServerWriteReactor<v1::GetResponse>* Get(
      grpc::CallbackServerContext*, const v1::GetRequest*) override {
    class Reactor final : public grpc::ServerWriteReactor<v1::GetResponse> {
     public:
      explicit Reactor(absl::Notification* asked) { asked->Notify(); }

     private:
      void OnCancel() override { Finish(grpc::Status::CANCELLED); }
      void OnDone() override { delete this; }
    };
    return new Reactor(&asked_);
  }
  void AwaitGet() { asked_.WaitForNotification(); }

 private:
  absl::Notification asked_;
};

class GrpcRecordStreamTest : public ::testing::Test {
 protected:
  GrpcRecordStreamTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                             &port);
    builder.RegisterService(&store_);
    server_ = builder.BuildAndStart();
    channel_ = *CreateChannel({.target = absl::StrCat("127.0.0.1:", port)});
  }
  ~GrpcRecordStreamTest() override { server_->Shutdown(); }

  const SystemClock clock_;
  const DatastoreRef datastore_ = {Uuid{{5}}, 1};
  SilentStore store_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(GrpcRecordStreamTest, ACancellationEndsTheWaitForARecord) {
  ASSERT_OK_AND_ASSIGN(const auto pool,
                       ThreadPoolExecutor::Create({.threads = 1}));
  GrpcChunkClient client(channel_, &clock_, absl::Hours(1));
  CancellationToken token;
  const Call call{.cancellation = &token};
  ASSERT_OK_AND_ASSIGN(const auto stream,
                       client.Get(call, datastore_, {RecordKey{}}));
  ASSERT_OK(pool->Schedule([&] {
    store_.AwaitGet();
    token.Cancel();
  }));
  EXPECT_THAT(stream->Next(), StatusIs(StatusCode::kCancelled));
  EXPECT_THAT(stream->Next(), StatusIs(StatusCode::kCancelled));
}

TEST_F(GrpcRecordStreamTest, AStoreThatSaysNothingIsGivenUp) {
  GrpcChunkClient client(channel_, &clock_, absl::Milliseconds(200));
  ASSERT_OK_AND_ASSIGN(const auto stream,
                       client.Get({}, datastore_, {RecordKey{}}));
  const auto record = stream->Next();
  EXPECT_THAT(record, StatusIs(StatusCode::kUnavailable));
  EXPECT_THAT(record.status().message(),
              ::testing::HasSubstr("sent nothing for 200ms"));
  EXPECT_THAT(stream->Next(), StatusIs(StatusCode::kUnavailable));
}

TEST_F(GrpcRecordStreamTest, AStreamThatWaitsMayBeDropped) {
  GrpcChunkClient client(channel_, &clock_, absl::Hours(1));
  ASSERT_OK_AND_ASSIGN(auto stream, client.Get({}, datastore_, {RecordKey{}}));
  store_.AwaitGet();
  stream.reset();
}

}  // namespace
}  // namespace cairn
