#include "services/chunk_storage/client/grpc_chunk_client.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "cairn/chunk_storage/v1/chunk_storage_service.grpc.pb.h"
#include "common/io/posix_file_system.h"
#include "common/rpc/channel.h"
#include "common/rpc/client_call.h"
#include "common/server/cairn_server.h"
#include "common/testing/recording_fatal_error_sink.h"
#include "common/testing/status_matchers.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "services/chunk_storage/client/chunk_client_contract.h"
#include "services/chunk_storage/client/record_wire.h"
#include "services/chunk_storage/engine/repository_harness.h"
#include "services/chunk_storage/options.h"
#include "services/chunk_storage/rpc/chunk_storage_service.h"
#include "services/chunk_storage/server.h"

namespace cairn {
namespace {

using chunk_storage::ChunkStorageServer;
using ::testing::HasSubstr;
namespace v1 = chunk_storage::v1;

// The whole service, on RocksDB and the machine's files, behind a socket.
class GrpcFixture final : public ChunkClientFixture {
 public:
  GrpcFixture() { Start(); }
  ~GrpcFixture() override { Stop(); }

  ChunkClient& client() override { return *client_; }
  void Restart() override {
    Stop();
    Start();
  }
  void Damage(const DatastoreRef& datastore, const RecordKey& key) override {
    chunk_storage::DamageRecord(
        files_,
        directory_.Join(absl::StrCat("chunk_storage/datastores/",
                                     datastore.uuid.ToString(), "/packs")),
        key);
  }

  std::unique_ptr<v1::ChunkStorageService::Stub> NewStub() {
    return v1::ChunkStorageService::NewStub(channel_);
  }
  CairnServer& server() { return *server_; }
  const Clock& clock() const { return clock_; }

 private:
  void Start() {
    ServerOptions server;
    server.data_dir = directory_.path();
    // Not a unix socket: its path would be too long in some sandboxes.
    server.listen = {"127.0.0.1:0"};
    server.worker_threads = 2;
    server.rpc_threads = 2;
    // A call that has ended may hold its place a moment longer.
    server.max_streams = 32;
    server.log_level = "error";
    chunk_storage::Options options;
    options.repository.pack_bytes = 32 << 20;
    options.repository.reserve_bytes = 0;
    options.database_reserve_bytes = 1 << 20;
    options.ballast_bytes = 0;
    std::vector<std::unique_ptr<Service>> services;
    services.push_back(
        std::make_unique<ChunkStorageServer>(options, server.data_dir));
    auto started =
        CairnServer::Start("chunk_storage", server, std::move(services),
                           {.clock = &clock_, .fatal_errors = &fatal_});
    ASSERT_OK(started);
    server_ = *std::move(started);
    auto channel =
        CreateChannel({.target = absl::StrCat("127.0.0.1:", server_->port())});
    ASSERT_OK(channel);
    channel_ = *std::move(channel);
    client_ = std::make_unique<GrpcChunkClient>(channel_, &clock_);
  }
  void Stop() {
    client_.reset();
    channel_.reset();
    server_.reset();
  }

  const SystemClock clock_;
  const TempDir directory_;
  PosixFileSystem files_;
  RecordingFatalErrorSink fatal_;
  std::unique_ptr<CairnServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<GrpcChunkClient> client_;
};

INSTANTIATE_TEST_SUITE_P(Grpc, ChunkClientContract,
                         ::testing::Values(ChunkClientFactory{
                             "grpc",
                             [] { return std::make_unique<GrpcFixture>(); }}));

class GrpcChunkClientTest : public ::testing::Test {
 protected:
  GrpcChunkClientTest() {
    EXPECT_OK(fixture_.client().EnsureDatastore(call_, datastore_));
  }

  // The status of a put that consists of these messages.
  absl::Status SendPut(const std::vector<v1::PutRequest>& messages) {
    const auto stub = fixture_.NewStub();
    ClientCall client(call_, fixture_.clock(), absl::Seconds(30));
    v1::PutResponse response;
    const auto writer = stub->Put(client.context(), &response);
    for (const v1::PutRequest& message : messages) {
      if (!writer->Write(message)) break;
    }
    writer->WritesDone();
    return client.Finish(writer->Finish());
  }
  v1::PutRequest SessionMessage() const {
    v1::PutRequest message;
    message.mutable_session()->mutable_datastore()->set_uuid(
        std::string(datastore_.uuid.view()));
    message.mutable_session()->mutable_datastore()->set_generation(1);
    message.mutable_session()->set_session(std::string(16, 's'));
    message.mutable_session()->set_epoch(1);
    return message;
  }
  static v1::PutRequest HeaderMessage(const Record& record) {
    v1::PutRequest message;
    *message.mutable_header() = HeaderToProto(record);
    return message;
  }
  static v1::PutRequest FragmentMessage(const std::string& fragment) {
    v1::PutRequest message;
    message.set_fragment(fragment);
    return message;
  }

  GrpcFixture fixture_;
  const Call call_;
  const DatastoreRef datastore_ = {Uuid{{5}}, 1};
  const SessionRef session_ = {datastore_, Uuid{{9}}, 5};
};

TEST_F(GrpcChunkClientTest, APutOutOfOrderIsRefused) {
  const Record record = PlainRecord(RecordKind::kChunk, "0123456789");
  const auto refused = StatusIs(absl::StatusCode::kInvalidArgument);
  EXPECT_OK(SendPut({SessionMessage(), HeaderMessage(record),
                     FragmentMessage("01234"), FragmentMessage("56789")}));
  EXPECT_THAT(SendPut({}), refused);
  EXPECT_THAT(SendPut({SessionMessage()}), refused);
  EXPECT_THAT(SendPut({HeaderMessage(record)}), refused);
  EXPECT_THAT(SendPut({SessionMessage(), SessionMessage()}), refused);
  EXPECT_THAT(SendPut({SessionMessage(), FragmentMessage("01234")}), refused);
  EXPECT_THAT(SendPut({SessionMessage(), HeaderMessage(record),
                       FragmentMessage("01234")}),
              refused);
  EXPECT_THAT(SendPut({SessionMessage(), HeaderMessage(record),
                       FragmentMessage("0123456789x")}),
              refused);
}

TEST_F(GrpcChunkClientTest, APutIsBoundedAsAWhole) {
  // Announced by headers alone, so that the bytes need not be sent.
  Record record = PlainRecord(RecordKind::kPage, std::string(1 << 20, 'p'));
  std::vector<v1::PutRequest> messages = {SessionMessage()};
  for (int i = 0; i < 65; ++i) {
    messages.push_back(HeaderMessage(record));
    messages.push_back(FragmentMessage(record.payload));
  }
  EXPECT_THAT(SendPut(messages), HasReasonCode(reason::kLimitExceeded));
}

TEST_F(GrpcChunkClientTest, APutOfManyMegabytesIsStoredInParts) {
  std::vector<Record> records;
  uint64_t bytes = 0;
  for (int i = 0; i < 20; ++i) {
    records.push_back(PlainRecord(
        RecordKind::kPage, std::string(3000000, static_cast<char>('a' + i))));
    bytes += records.back().payload.size();
  }
  ASSERT_OK_AND_ASSIGN(const PutReply reply,
                       fixture_.client().Put(call_, session_, records));
  EXPECT_EQ(reply.new_records, 20u);
  EXPECT_EQ(reply.new_stored_bytes, bytes);
}

TEST_F(GrpcChunkClientTest, AnAppendBeyondOneMessageIsSentInParts) {
  std::vector<Record> records;
  for (uint64_t i = 1; i <= 12; ++i) {
    records.push_back(
        PlainRecord(RecordKind::kEvent,
                    std::string(1000000, static_cast<char>('a' + i)), i));
  }
  EXPECT_THAT(fixture_.client().Append(call_, datastore_, records),
              IsOkAndHolds(12u));
  for (const Record& record : records) {
    ASSERT_OK_AND_ASSIGN(
        const auto stream,
        fixture_.client().Get(call_, datastore_, {record.key}));
    EXPECT_OK(stream->Next());
  }
}

TEST_F(GrpcChunkClientTest, AStreamMayBeDroppedHalfWay) {
  std::vector<RecordKey> keys;
  std::vector<Record> records;
  for (int i = 0; i < 20; ++i) {
    records.push_back(PlainRecord(
        RecordKind::kPage, std::string(2000000, static_cast<char>('a' + i))));
    keys.push_back(records.back().key);
  }
  ASSERT_OK(fixture_.client().Put(call_, session_, records));
  // More often than the server has streams: each gives its place back, if not
  // at once.
  constexpr int kMaxTries = 100000;
  int dropped = 0;
  for (int tries = 0; dropped < 40 && tries < kMaxTries; ++tries) {
    ASSERT_OK_AND_ASSIGN(const auto stream,
                         fixture_.client().Get(call_, datastore_, keys));
    const absl::Status first = stream->Next().status();
    if (absl::IsResourceExhausted(first)) continue;
    ASSERT_OK(first);
    ++dropped;
  }
  EXPECT_EQ(dropped, 40);
}

TEST_F(GrpcChunkClientTest, ADrainingServerOpensNothingNew) {
  fixture_.server().Drain();
  EXPECT_THAT(fixture_.client().EnsureDatastore(call_, datastore_),
              HasReasonCode(reason::kDraining));
  EXPECT_OK(fixture_.client().Put(
      call_, session_, {PlainRecord(RecordKind::kChunk, "in flight")}));
}

TEST_F(GrpcChunkClientTest, ShowsItsMetrics) {
  ASSERT_OK(fixture_.client().Put(
      call_, session_, {PlainRecord(RecordKind::kChunk, "counted")}));
  ASSERT_OK(fixture_.client().Sync(call_, session_, 1));
  const std::string text = fixture_.server().metrics().Text();
  EXPECT_THAT(text,
              HasSubstr("cairn_chunk_storage_put_records_total{outcome=\"new\"}"
                        " 1"));
  EXPECT_THAT(text, HasSubstr("cairn_chunk_storage_open_packs 1"));
  EXPECT_THAT(text, HasSubstr("cairn_fsync_seconds_count{file=\"pack\",store="
                              "\"chunk_storage\"} 1"));
  EXPECT_THAT(text, HasSubstr("grpc_server_msg_received_total{grpc_method="
                              "\"Sync\",grpc_service=\"cairn.chunk_storage."
                              "v1.ChunkStorageService\",grpc_type=\"unary\"} "
                              "1"));
}

TEST(ChunkStorageServiceTest, EveryMethodHasARow) {
  AuthorizationTable table;
  ASSERT_OK(table.Add(chunk_storage::ChunkStorageServiceImpl::Authorization()));
  const auto* service = v1::PinRequest::descriptor()->file()->FindServiceByName(
      "ChunkStorageService");
  ASSERT_NE(service, nullptr);
  EXPECT_THAT(table.MissingRows(*service), ::testing::IsEmpty());
  EXPECT_THAT(table.StrayRows(*service), ::testing::IsEmpty());
}

}  // namespace
}  // namespace cairn
