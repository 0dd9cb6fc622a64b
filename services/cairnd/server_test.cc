// The whole suite in one process, over a real directory and a real socket.

#include "services/cairnd/server.h"

#include <filesystem>
#include <memory>
#include <random>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/io/posix_file_system.h"
#include "common/rpc/channel.h"
#include "common/server/cairn_server.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/seed.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "gmock/gmock.h"
#include "services/ingest/client/grpc_ingest_client.h"

namespace cairn::cairnd {
namespace {

using absl::StatusCode;
namespace v1 = ingest::v1;

class CairndTest : public testing::Test {
 protected:
  CairndTest() : random_(TestSeed()) { Start(); }

  void Start() {
    server_options_.data_dir = directory_.Join("data");
    server_options_.listen = {"127.0.0.1:0"};
    server_options_.max_streams = 8;
    auto started = CairnServer::Start(
        "cairnd", server_options_, BuildServices(&options_, &server_options_),
        {.clock = &clock_, .fatal_errors = &fatal_});
    ASSERT_OK(started);
    server_ = *std::move(started);
    auto channel =
        CreateChannel({.target = absl::StrCat("127.0.0.1:", server_->port())});
    ASSERT_OK(channel);
    client_ = std::make_unique<GrpcIngestClient>(*channel, &clock_);
  }
  void Restart() {
    client_.reset();
    server_.reset();
    Start();
  }

  std::string OpenSession(const std::string& request_id) {
    v1::OpenSessionRequest request;
    request.set_request_id(request_id);
    request.set_group("datastores/default/groups/host/web1");
    const auto opened = client_->OpenSession(call_, request);
    EXPECT_OK(opened);
    return opened.ok() ? opened->session().name() : "";
  }
  std::string NewId() { return Uuid::Random(random_).ToString(); }

  // Writes from `from` on; with `end`, to the end.
  absl::Status Write(const std::string& session, const std::string& bytes,
                     uint64_t from, uint64_t to, bool end) {
    const auto stream = client_->WriteStream(call_);
    v1::WriteStreamRequest message;
    message.mutable_begin()->set_session(session);
    message.mutable_begin()->set_archive("data.raw");
    message.mutable_begin()->set_kind(model::v1::ARCHIVE_KIND_STREAM);
    message.mutable_begin()->set_resume_offset(from);
    bool open = stream->Send(message);
    for (uint64_t at = from; open && at < to; at += 1 << 20) {
      message.mutable_data()->set_offset(at);
      message.mutable_data()->set_data(
          bytes.substr(at, std::min<uint64_t>(1 << 20, to - at)));
      open = stream->Send(message);
    }
    if (end) {
      message.mutable_end()->set_size_bytes(to);
      stream->Send(message);
    } else {
      message.mutable_flush();
      stream->Send(message);
      v1::WriteStreamResponse response;
      while (stream->Receive(&response) && !response.has_watermark()) {
      }
    }
    return stream->Finish();
  }
  absl::StatusOr<v1::FinishSessionResponse> Finish(const std::string& session,
                                                   uint64_t size_bytes) {
    v1::FinishSessionRequest request;
    request.set_name(session);
    request.add_archives()->set_name("data.raw");
    request.mutable_archives(0)->set_size_bytes(size_bytes);
    return client_->FinishSession(call_, request);
  }
  std::string Read(const std::string& snapshot) {
    v1::ReadArchiveRequest request;
    request.set_name(snapshot + "/archives/data.raw");
    const auto stream = client_->ReadArchive(call_, request);
    std::string bytes;
    v1::ReadArchiveResponse response;
    while (stream->Receive(&response)) {
      if (response.has_data()) {
        EXPECT_EQ(response.data().offset(), bytes.size());
        bytes.append(response.data().data());
      } else if (response.has_hole()) {
        bytes.append(response.hole().length(), '\0');
      }
    }
    EXPECT_OK(stream->Finish());
    return bytes;
  }
  std::string RandomBytes(size_t size) {
    std::string bytes(size, 0);
    for (char& byte : bytes) byte = static_cast<char>(random_());
    return bytes;
  }

  std::mt19937_64 random_;
  const SystemClock clock_;
  RecordingFatalErrorSink fatal_;
  const TempDir directory_;
  const Call call_;
  Options options_;
  ServerOptions server_options_;
  std::unique_ptr<CairnServer> server_;
  std::unique_ptr<GrpcIngestClient> client_;
};

TEST_F(CairndTest, WhatWasBackedUpComesBackAlsoAfterARestart) {
  const std::string bytes = RandomBytes(20'000'000);
  const std::string session = OpenSession(NewId());
  ASSERT_OK(Write(session, bytes, 0, bytes.size(), /*end=*/true));
  ASSERT_OK_AND_ASSIGN(const auto finished, Finish(session, bytes.size()));
  EXPECT_TRUE(Read(finished.snapshot().name()) == bytes);
  Restart();
  EXPECT_TRUE(Read(finished.snapshot().name()) == bytes);
  ASSERT_OK_AND_ASSIGN(const auto again, Finish(session, bytes.size()));
  EXPECT_EQ(again.snapshot().name(), finished.snapshot().name());
}

TEST_F(CairndTest, ASessionGoesOnAfterARestart) {
  const std::string bytes = RandomBytes(20'000'000);
  const std::string id = NewId();
  const std::string session = OpenSession(id);
  // The stream ends without its end.
  EXPECT_THAT(Write(session, bytes, 0, 12'000'000, /*end=*/false),
              StatusIs(StatusCode::kInvalidArgument));
  Restart();
  EXPECT_EQ(OpenSession(id), session);
  v1::GetSessionRequest request;
  request.set_name(session);
  ASSERT_OK_AND_ASSIGN(const auto found, client_->GetSession(call_, request));
  ASSERT_EQ(found.session().archives_size(), 1);
  const uint64_t durable = found.session().archives(0).durable_bytes();
  EXPECT_GT(durable, 0u);
  EXPECT_LE(durable, 12'000'000u);
  ASSERT_OK(Write(session, bytes, durable, bytes.size(), /*end=*/true));
  ASSERT_OK_AND_ASSIGN(const auto finished, Finish(session, bytes.size()));
  EXPECT_TRUE(Read(finished.snapshot().name()) == bytes);
}

TEST_F(CairndTest, LimitsChangeWhileItServes) {
  options_.ingest.max_sessions = 1;
  server_options_.max_streams = 16;
  ASSERT_OK(server_->Reload(server_options_));
  EXPECT_NE(OpenSession(NewId()), "");
  v1::OpenSessionRequest request;
  request.set_request_id(NewId());
  request.set_group("datastores/default/groups/host/web2");
  EXPECT_THAT(client_->OpenSession(call_, request).status(),
              StatusIs(StatusCode::kResourceExhausted));
  options_.ingest.max_sessions = 2;
  ASSERT_OK(server_->Reload(server_options_));
  EXPECT_OK(client_->OpenSession(call_, request));
}

// An index that begins anew beside old packs would list nothing of them.
TEST_F(CairndTest, PacksWithoutTheirIndexAreRefused) {
  const std::string session = OpenSession(NewId());
  ASSERT_OK(Write(session, "bytes", 0, 5, /*end=*/true));
  ASSERT_OK(Finish(session, 5));
  client_.reset();
  server_.reset();
  const std::string data = directory_.Join("data");
  EXPECT_OK(CheckIndexBesidePacks(PosixFileSystem(), data));
  std::filesystem::remove_all(data + "/index");
  EXPECT_THAT(
      CairnServer::Start("cairnd", server_options_,
                         BuildServices(&options_, &server_options_),
                         {.clock = &clock_, .fatal_errors = &fatal_})
          .status(),
      StatusIs(StatusCode::kFailedPrecondition,
               testing::HasSubstr("cairn-index rebuild --data-dir=" + data)));
  EXPECT_FALSE(std::filesystem::exists(data + "/index"));
}

TEST(CairndOptionsTest, TheDefaultsAreAllowed) {
  EXPECT_OK(Options().Validate(64));
  Options options;
  options.ingest.write_memory_bytes = 1 << 20;
  EXPECT_THAT(options.Validate(64), StatusIs(StatusCode::kInvalidArgument));
}

TEST(CairndOptionsTest, ABandwidthLeavesEachStreamEnough) {
  Options options;
  options.ingest.write_bandwidth = 1 << 20;
  EXPECT_THAT(options.Validate(64),
              StatusIs(StatusCode::kInvalidArgument,
                       testing::AllOf(testing::HasSubstr("write-bandwidth"),
                                      testing::HasSubstr("4MiB"))));
  EXPECT_OK(options.Validate(16));
  options.ingest.read_bandwidth = 1;
  EXPECT_THAT(options.Validate(16), StatusIs(StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace cairn::cairnd
