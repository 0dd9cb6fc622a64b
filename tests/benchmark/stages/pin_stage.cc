// Is it there, asked as ingest asks in the split form: pins over gRPC at a
// whole chunk_storage with a million sealed places, warm.
#include <algorithm>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "common/digest/sha256.h"
#include "common/log/log.h"
#include "common/model/record.h"
#include "common/rpc/channel.h"
#include "common/server/cairn_server.h"
#include "common/testing/temp_dir.h"
#include "common/time/clock.h"
#include "services/chunk_storage/client/grpc_chunk_client.h"
#include "services/chunk_storage/options.h"
#include "services/chunk_storage/server.h"
#include "tests/benchmark/stages/disk.h"

namespace cairn {
namespace {

using chunk_storage::ChunkStorageServer;

constexpr uint64_t kPlaces = 1'000'000;
constexpr size_t kKeysPerCall = 4096;  // the most

// A chunk of some bytes: places cost the same whatever they point at.
Record RecordOf(uint64_t number) {
  Record record;
  record.payload.assign(reinterpret_cast<const char*>(&number), sizeof(number));
  record.plain_length = record.payload.size();
  record.payload_digest = Sha256(record.payload);
  record.key.digest = record.payload_digest;
  return record;
}

// The service with its default settings, behind sockets of both kinds.
class Store {
 public:
  Store() {
    // Its lines would be among those of the benchmarks.
    SetLogLevel(LogLevel::kError);
    Start();
    std::vector<Record> records;
    for (uint64_t number = 0; number < kPlaces; ++number) {
      records.push_back(RecordOf(number));
      keys_.push_back(records.back().key);
      if (records.size() == kKeysPerCall || number + 1 == kPlaces) {
        CHECK_OK(local_->Put(call_, session_, std::move(records)).status());
        records.clear();
      }
    }
    // An orderly stop seals the packs that are open.
    Stop();
    Start();
    // Warms the cache.
    for (size_t i = 0; i < keys_.size(); i += kKeysPerCall) {
      const size_t count = std::min(kKeysPerCall, keys_.size() - i);
      CHECK_OK(local_->Pin(call_, session_, std::span(keys_).subspan(i, count))
                   .status());
    }
  }
  ~Store() { Stop(); }

  ChunkClient& client(bool loopback) { return loopback ? *loopback_ : *unix_; }
  const Call& call() const { return call_; }
  const SessionRef& session() const { return session_; }
  const std::vector<RecordKey>& keys() const { return keys_; }

 private:
  void Start() {
    ServerOptions server;
    server.data_dir = directory_.path();
    const std::string socket = absl::StrCat("unix:", sockets_.Join("s"));
    server.listen = {socket, "127.0.0.1:0"};
    std::vector<std::unique_ptr<Service>> services;
    auto service = std::make_unique<ChunkStorageServer>(
        chunk_storage::Options{}, server.data_dir);
    ChunkStorageServer* const storage = service.get();
    services.push_back(std::move(service));
    auto started =
        CairnServer::Start("chunk_storage", server, std::move(services),
                           {.clock = &clock_, .fatal_errors = &fatal_});
    CHECK_OK(started.status());
    server_ = *std::move(started);
    local_ = storage->client();
    unix_ = Connect(socket);
    loopback_ = Connect(absl::StrCat("127.0.0.1:", server_->port()));
    CHECK_OK(local_->EnsureDatastore(call_, session_.datastore).status());
    // Until it is told the epoch, it takes no session.
    CHECK_OK(local_
                 ->ShowToken(call_, session_.datastore,
                             {.token = 1, .epoch = session_.epoch})
                 .status());
  }
  std::unique_ptr<GrpcChunkClient> Connect(const std::string& target) {
    auto channel = CreateChannel({.target = target});
    CHECK_OK(channel.status());
    return std::make_unique<GrpcChunkClient>(*channel, &clock_);
  }
  void Stop() {
    loopback_.reset();
    unix_.reset();
    local_ = nullptr;
    server_.reset();
  }

  const Call call_ = {
      .caller = {CallerKind::kLocal, CallerRole::kIngest, "benchmark"}};
  const SessionRef session_ = {.datastore = {Uuid{{0xd5, 1}}, 1},
                               .session = Uuid{{0x5e, 1}},
                               .epoch = 1};
  const SystemClock clock_;
  const TempDir directory_;
  const TempDir sockets_{"/tmp"};
  ExitingFatalErrorSink fatal_;
  std::unique_ptr<CairnServer> server_;
  ChunkClient* local_ = nullptr;  // of the server
  std::unique_ptr<GrpcChunkClient> unix_;
  std::unique_ptr<GrpcChunkClient> loopback_;
  std::vector<RecordKey> keys_;
};

// Made once for all benchmarks, since that takes a while.
Store& MillionPlaces() {
  static Store store;
  return store;
}

// Items are ids. Each thread makes one call after the other.
void BM_PinOverGrpc(benchmark::State& state) {
  Store& store = MillionPlaces();
  ChunkClient& client = store.client(state.range(0) != 0);
  const auto count = static_cast<size_t>(state.range(1));
  std::mt19937_64 random(state.thread_index());
  std::vector<RecordKey> keys(count);
  for (auto _ : state) {
    // Scattered, as the chunks of a stream are.
    for (RecordKey& key : keys) key = store.keys()[random() % kPlaces];
    const absl::StatusOr<PinReply> reply =
        client.Pin(store.call(), store.session(), keys);
    CHECK_OK(reply.status());
    CHECK(reply->present[0]);
  }
  state.SetItemsProcessed(state.iterations() * count);
}
BENCHMARK(BM_PinOverGrpc)
    ->ArgNames({"loopback", "ids"})
    ->ArgsProduct({{0, 1}, {64, 1024}})
    ->Threads(1)
    ->Threads(2)
    ->Threads(4)
    ->UseRealTime();

}  // namespace
}  // namespace cairn
