#include "services/chunk_storage/client/grpc_chunk_client.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <grpcpp/completion_queue.h>

#include "absl/strings/str_cat.h"
#include "common/rpc/client_call.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "services/chunk_storage/client/record_wire.h"
#include "services/chunk_storage/domain/record_proof.h"

namespace cairn {
namespace {

namespace v1 = chunk_storage::v1;

constexpr absl::Duration kTimeout = absl::Seconds(30);
// What writes much may have to wait for a slow disk.
constexpr absl::Duration kSyncTimeout = absl::Minutes(5);
// Payload of the records in one append message.
constexpr uint64_t kAppendBytes = uint64_t{4} << 20;

StoreState Decode(const v1::StoreState& proto) {
  return {.incarnation = proto.incarnation(),
          .sequence = proto.sequence(),
          .token = proto.token(),
          .floor = proto.floor(),
          .highest_epoch = proto.highest_epoch()};
}

// A server that does not keep to the protocol.
absl::Status BadAnswer(std::string_view what) {
  return absl::InternalError(absl::StrCat("chunk_storage answered ", what));
}

// The records of one Get. The queue is for this stream alone and carries one
// operation at a time: only so a read can be given up after a while.
class GrpcRecordStream final : public RecordStream {
 public:
  GrpcRecordStream(v1::ChunkStorageService::Stub& stub, const Call& call,
                   const Clock& clock, absl::Duration stall_timeout,
                   const v1::GetRequest& request, std::vector<RecordKey> keys)
      : clock_(clock),
        stall_timeout_(stall_timeout),
        client_(call, clock, absl::InfiniteDuration()),
        keys_(std::move(keys)),
        reader_(stub.AsyncGet(client_.context(), request, &queue_, nullptr)),
        started_(AwaitOperation()) {}
  ~GrpcRecordStream() override {
    if (!finished_) {
      client_.context()->TryCancel();
      FinishCall().IgnoreError();
    }
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  absl::StatusOr<std::optional<Record>> Next() override {
    RETURN_IF_ERROR(error_);
    absl::StatusOr<std::optional<Record>> record = ReadOne();
    error_ = record.status();
    return record;
  }

 private:
  absl::StatusOr<std::optional<Record>> ReadOne() {
    v1::GetResponse message;
    while (!finished_ && Read(&message)) {
      absl::StatusOr<std::optional<Record>> record =
          assembler_.Take(message.has_header() ? &message.header() : nullptr,
                          std::move(*message.mutable_fragment()));
      if (!record.ok()) return BadAnswer(record.status().message());
      if (!record->has_value()) continue;
      if (next_ >= keys_.size() || (*record)->key != keys_[next_]) {
        return BadAnswer(
            absl::StrCat((*record)->key.ToString(), ", which was not next"));
      }
      ++next_;
      return record;
    }
    if (!finished_) {
      finished_ = true;
      RETURN_IF_ERROR(FinishCall());
      if (next_ != keys_.size()) return BadAnswer("with too few records");
    }
    return std::nullopt;
  }

  bool Read(v1::GetResponse* message) {
    if (!started_ || stalled_) return false;
    reader_->Read(message, nullptr);
    if (!AwaitOperation()) return false;
    client_.CountReceived();
    return true;
  }

  absl::Status FinishCall() {
    grpc::Status status;
    reader_->Finish(&status, nullptr);
    AwaitOperation();
    absl::Status result = client_.Finish(status);
    if (!stalled_ || result.ok()) return result;
    return absl::UnavailableError(
        absl::StrCat("chunk_storage sent nothing for ",
                     absl::FormatDuration(stall_timeout_), "; try again"));
  }

  // Whether the operation that was begun has succeeded. One that does not end
  // in time ends with the whole call.
  bool AwaitOperation() {
    void* tag = nullptr;
    bool ok = false;
    const absl::Time end = clock_.Now() + stall_timeout_;
    if (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(end)) ==
        grpc::CompletionQueue::TIMEOUT) {
      stalled_ = true;
      client_.context()->TryCancel();
      queue_.Next(&tag, &ok);
    }
    return ok;
  }

  const Clock& clock_;
  const absl::Duration stall_timeout_;
  ClientCall client_;
  const std::vector<RecordKey> keys_;
  grpc::CompletionQueue queue_;
  const std::unique_ptr<grpc::ClientAsyncReader<v1::GetResponse>> reader_;
  bool stalled_ = false;
  const bool started_;
  RecordAssembler assembler_;
  size_t next_ = 0;
  bool finished_ = false;
  absl::Status error_;
};

}  // namespace

GrpcChunkClient::GrpcChunkClient(const std::shared_ptr<grpc::Channel>& channel,
                                 const Clock* clock,
                                 absl::Duration stall_timeout)
    : stub_(v1::ChunkStorageService::NewStub(channel)),
      clock_(clock),
      stall_timeout_(stall_timeout) {}

absl::StatusOr<StoreState> GrpcChunkClient::EnsureDatastore(
    const Call& call, const DatastoreRef& datastore) {
  ClientCall client(call, *clock_, kTimeout);
  v1::EnsureDatastoreRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  v1::StoreState response;
  RETURN_IF_ERROR(client.Finish(
      stub_->EnsureDatastore(client.context(), request, &response)));
  return Decode(response);
}

absl::StatusOr<PinReply> GrpcChunkClient::Pin(const Call& call,
                                              const SessionRef& session,
                                              std::span<const RecordKey> keys) {
  // Here already, so that no message grows beyond its limit.
  RETURN_IF_ERROR(chunk_storage::CheckKeys(keys));
  ClientCall client(call, *clock_, kTimeout);
  v1::PinRequest request;
  *request.mutable_session() = ToProto(session);
  for (const RecordKey& key : keys) {
    *request.add_keys() = ToProto(key);
  }
  v1::PinResponse response;
  RETURN_IF_ERROR(
      client.Finish(stub_->Pin(client.context(), request, &response)));
  if (static_cast<size_t>(response.present_size()) != keys.size()) {
    return BadAnswer(
        absl::StrCat(response.present_size(), " of ", keys.size(), " pins"));
  }
  return PinReply{
      .incarnation = response.incarnation(),
      .present = {response.present().begin(), response.present().end()}};
}

absl::StatusOr<PutReply> GrpcChunkClient::Put(const Call& call,
                                              const SessionRef& session,
                                              std::vector<Record> records) {
  RETURN_IF_ERROR(chunk_storage::CheckPut(records));
  ClientCall client(call, *clock_, absl::InfiniteDuration());
  v1::PutResponse response;
  const auto writer = stub_->Put(client.context(), &response);
  v1::PutRequest message;
  *message.mutable_session() = ToProto(session);
  bool open = true;
  for (const Record& record : records) {
    open = SendFrames(record,
                      [&](const Record* header, std::string_view fragment) {
                        if (header != nullptr) {
                          *message.mutable_header() = HeaderToProto(*header);
                        }
                        message.set_fragment(std::string(fragment));
                        const bool written = writer->Write(message);
                        if (written) client.CountSent();
                        message.Clear();
                        return written;
                      });
    if (!open) break;  // the status says why
  }
  if (open) writer->WritesDone();
  RETURN_IF_ERROR(client.Finish(writer->Finish()));
  return PutReply{.incarnation = response.incarnation(),
                  .new_records = response.new_records(),
                  .duplicate_records = response.duplicate_records(),
                  .new_stored_bytes = response.new_stored_bytes()};
}

absl::Status GrpcChunkClient::Sync(const Call& call, const SessionRef& session,
                                   uint64_t incarnation) {
  ClientCall client(call, *clock_, kSyncTimeout);
  v1::SyncRequest request;
  *request.mutable_session() = ToProto(session);
  request.set_incarnation(incarnation);
  v1::SyncResponse response;
  return client.Finish(stub_->Sync(client.context(), request, &response));
}

absl::StatusOr<uint64_t> GrpcChunkClient::Append(const Call& call,
                                                 const DatastoreRef& datastore,
                                                 std::vector<Record> records) {
  RETURN_IF_ERROR(chunk_storage::CheckAppend(records));
  v1::AppendResponse response;
  for (size_t next = 0; next < records.size();) {
    ClientCall client(call, *clock_, kSyncTimeout);
    v1::AppendRequest request;
    *request.mutable_datastore() = ToProto(datastore);
    uint64_t bytes = 0;
    for (; next < records.size(); ++next) {
      Record& record = records[next];
      bytes += record.payload.size();
      if (bytes > kAppendBytes) break;
      v1::WholeRecord* const proto = request.add_records();
      *proto->mutable_header() = HeaderToProto(record);
      proto->set_payload(std::move(record.payload));
    }
    RETURN_IF_ERROR(
        client.Finish(stub_->Append(client.context(), request, &response)));
  }
  return response.sequence();
}

absl::StatusOr<std::unique_ptr<RecordStream>> GrpcChunkClient::Get(
    const Call& call, const DatastoreRef& datastore,
    std::vector<RecordKey> keys) {
  RETURN_IF_ERROR(chunk_storage::CheckKeys(keys));
  v1::GetRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  for (const RecordKey& key : keys) {
    *request.add_keys() = ToProto(key);
  }
  return std::make_unique<GrpcRecordStream>(
      *stub_, call, *clock_, stall_timeout_, request, std::move(keys));
}

absl::StatusOr<StoreState> GrpcChunkClient::ShowToken(
    const Call& call, const DatastoreRef& datastore,
    const SweepNumbers& numbers) {
  ClientCall client(call, *clock_, kTimeout);
  v1::ShowTokenRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  request.set_token(numbers.token);
  request.set_epoch(numbers.epoch);
  request.set_sequence(numbers.sequence);
  v1::StoreState response;
  RETURN_IF_ERROR(
      client.Finish(stub_->ShowToken(client.context(), request, &response)));
  return Decode(response);
}

absl::StatusOr<StoreStatistics> GrpcChunkClient::Statistics(
    const Call& call, const DatastoreRef& datastore) {
  ClientCall client(call, *clock_, kTimeout);
  v1::GetStatisticsRequest request;
  *request.mutable_datastore() = ToProto(datastore);
  v1::GetStatisticsResponse response;
  RETURN_IF_ERROR(client.Finish(
      stub_->GetStatistics(client.context(), request, &response)));
  return StoreStatistics{.incarnation = response.incarnation(),
                         .pack_count = response.pack_count(),
                         .open_pack_count = response.open_pack_count(),
                         .pack_bytes = response.pack_bytes(),
                         .record_count = response.record_count(),
                         .record_bytes = response.record_bytes(),
                         .damaged_count = response.damaged_count(),
                         .free_bytes = response.free_bytes(),
                         .sequence = response.sequence(),
                         .token = response.token(),
                         .loss_mark = response.loss_mark()};
}

}  // namespace cairn
