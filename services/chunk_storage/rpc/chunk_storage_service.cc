#include "services/chunk_storage/rpc/chunk_storage_service.h"

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/concurrency/cancellation.h"
#include "common/model/call.h"
#include "common/model/record.h"
#include "common/status/reason.h"
#include "common/status/status_macros.h"
#include "common/wire/datastore.h"
#include "common/wire/scalars.h"
#include "services/chunk_storage/client/chunk_client.h"
#include "services/chunk_storage/client/record_wire.h"
#include "services/chunk_storage/domain/record_proof.h"
#include "services/chunk_storage/rpc/put_receiver.h"

namespace cairn::chunk_storage {
namespace {

// Payload of one append; a message is not much longer.
constexpr uint64_t kMaxAppendBytes = uint64_t{4} << 20;

template <typename Request>
absl::StatusOr<std::vector<RecordKey>> KeysFromProto(const Request& request) {
  if (request.keys_size() < 1 ||
      static_cast<size_t>(request.keys_size()) > kMaxKeysPerCall) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          "keys has ", request.keys_size(),
                          " items, allowed are 1..", kMaxKeysPerCall)),
                      reason::kLimitExceeded);
  }
  std::vector<RecordKey> keys;
  keys.reserve(request.keys_size());
  for (int i = 0; i < request.keys_size(); ++i) {
    ASSIGN_OR_RETURN(const RecordKey key,
                     FromProto(IndexedField("keys", i), request.keys(i)));
    keys.push_back(key);
  }
  return keys;
}

absl::StatusOr<std::vector<Record>> RecordsFromProto(
    const v1::AppendRequest& request) {
  uint64_t bytes = 0;
  for (const v1::WholeRecord& proto : request.records()) {
    bytes += proto.payload().size();
  }
  if (bytes > kMaxAppendBytes ||
      static_cast<size_t>(request.records_size()) > kMaxAppendRecords) {
    return WithReason(absl::InvalidArgumentError(absl::StrCat(
                          request.records_size(), " records of ", bytes,
                          " bytes in one append, allowed are ",
                          kMaxAppendRecords, " of ", kMaxAppendBytes)),
                      reason::kLimitExceeded);
  }
  std::vector<Record> records;
  for (int i = 0; i < request.records_size(); ++i) {
    const v1::WholeRecord& proto = request.records(i);
    const std::string field = IndexedField("records", i);
    ASSIGN_OR_RETURN(WireHeader header, HeaderFromProto(field, proto.header()));
    if (header.stored_length != proto.payload().size()) {
      return absl::InvalidArgumentError(
          absl::StrCat(field, ".payload has ", proto.payload().size(),
                       " bytes, its header says ", header.stored_length));
    }
    header.record.payload = proto.payload();
    records.push_back(std::move(header.record));
  }
  return records;
}

void Encode(const StoreState& state, v1::StoreState* proto) {
  proto->set_incarnation(state.incarnation);
  proto->set_sequence(state.sequence);
  proto->set_token(state.token);
  proto->set_floor(state.floor);
  proto->set_highest_epoch(state.highest_epoch);
}

void Encode(const StoreStatistics& statistics,
            v1::GetStatisticsResponse* proto) {
  proto->set_incarnation(statistics.incarnation);
  proto->set_pack_count(statistics.pack_count);
  proto->set_open_pack_count(statistics.open_pack_count);
  proto->set_pack_bytes(statistics.pack_bytes);
  proto->set_record_count(statistics.record_count);
  proto->set_record_bytes(statistics.record_bytes);
  proto->set_damaged_count(statistics.damaged_count);
  proto->set_free_bytes(statistics.free_bytes);
  proto->set_sequence(statistics.sequence);
  proto->set_token(statistics.token);
  proto->set_loss_mark(statistics.loss_mark);
}

// Sends the records of `stream` until its end. A peer that is gone ends it
// too; the status is nobody's then.
absl::Status SendRecords(RecordStream& stream,
                         MessageWriter<v1::GetResponse>& writer) {
  for (;;) {
    ASSIGN_OR_RETURN(const std::optional<Record> record, stream.Next());
    if (!record.has_value()) return absl::OkStatus();
    const bool sent = SendFrames(
        *record, [&](const Record* header, std::string_view fragment) {
          v1::GetResponse message;
          if (header != nullptr) {
            *message.mutable_header() = HeaderToProto(*header);
          }
          message.set_fragment(std::string(fragment));
          return writer.Write(std::move(message));
        });
    if (!sent) return absl::CancelledError("the reader is gone");
  }
}

}  // namespace

std::vector<AuthorizationRow> ChunkStorageServiceImpl::Authorization() {
  const std::string service = "cairn.chunk_storage.v1.ChunkStorageService/";
  return {
      {service + "EnsureDatastore", kServiceCalls, DrainRule::kRefuse},
      {service + "Pin", kIngestCalls},
      {service + "Put", kIngestCalls},
      {service + "Sync", kIngestCalls},
      {service + "Append", kServiceCalls},
      {service + "Get", kIngestCalls},
      {service + "ShowToken", kMaintenanceCalls},
      {service + "GetStatistics", kServiceCalls},
  };
}

grpc::ServerUnaryReactor* ChunkStorageServiceImpl::EnsureDatastore(
    grpc::CallbackServerContext* context,
    const v1::EnsureDatastoreRequest* request, v1::StoreState* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(const StoreState state,
                         repository_->EnsureDatastore(call, datastore));
        Encode(state, response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ChunkStorageServiceImpl::Pin(
    grpc::CallbackServerContext* context, const v1::PinRequest* request,
    v1::PinResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SessionRef session,
                         FromProto(request->session()));
        ASSIGN_OR_RETURN(const std::vector<RecordKey> keys,
                         KeysFromProto(*request));
        ASSIGN_OR_RETURN(const PinReply reply,
                         repository_->Pin(call, session, keys));
        response->set_incarnation(reply.incarnation);
        for (const bool present : reply.present) {
          response->add_present(present);
        }
        return absl::OkStatus();
      });
}

grpc::ServerReadReactor<v1::PutRequest>* ChunkStorageServiceImpl::Put(
    grpc::CallbackServerContext* context, v1::PutResponse* response) {
  return dispatcher_->ServeClientStream<v1::PutRequest>(
      context,
      [=, this](const Call& call,
                MessageReader<v1::PutRequest>& reader) -> absl::Status {
        PutReceiver receiver(repository_, call);
        v1::PutRequest message;
        while (reader.Read(&message)) {
          RETURN_IF_ERROR(receiver.Take(std::move(message)));
          message.Clear();
        }
        // A cut stream looks like its end.
        if (call.cancellation != nullptr) {
          RETURN_IF_ERROR(call.cancellation->Check());
        }
        ASSIGN_OR_RETURN(const PutReply reply, receiver.Finish());
        response->set_incarnation(reply.incarnation);
        response->set_new_records(reply.new_records);
        response->set_duplicate_records(reply.duplicate_records);
        response->set_new_stored_bytes(reply.new_stored_bytes);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ChunkStorageServiceImpl::Sync(
    grpc::CallbackServerContext* context, const v1::SyncRequest* request,
    v1::SyncResponse*) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const SessionRef session,
                         FromProto(request->session()));
        return repository_->Sync(call, session, request->incarnation());
      });
}

grpc::ServerUnaryReactor* ChunkStorageServiceImpl::Append(
    grpc::CallbackServerContext* context, const v1::AppendRequest* request,
    v1::AppendResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(const std::vector<Record> records,
                         RecordsFromProto(*request));
        ASSIGN_OR_RETURN(const uint64_t sequence,
                         repository_->Append(call, datastore, records));
        response->set_sequence(sequence);
        return absl::OkStatus();
      });
}

grpc::ServerWriteReactor<v1::GetResponse>* ChunkStorageServiceImpl::Get(
    grpc::CallbackServerContext* context, const v1::GetRequest* request) {
  return dispatcher_->ServeServerStream<v1::GetResponse>(
      context,
      [=, this](const Call& call,
                MessageWriter<v1::GetResponse>& writer) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(std::vector<RecordKey> keys, KeysFromProto(*request));
        ASSIGN_OR_RETURN(const std::unique_ptr<RecordStream> stream,
                         repository_->Get(call, datastore, std::move(keys)));
        return SendRecords(*stream, writer);
      });
}

grpc::ServerUnaryReactor* ChunkStorageServiceImpl::ShowToken(
    grpc::CallbackServerContext* context, const v1::ShowTokenRequest* request,
    v1::StoreState* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(
            const StoreState state,
            repository_->ShowToken(call, datastore,
                                   {.token = request->token(),
                                    .epoch = request->epoch(),
                                    .sequence = request->sequence()}));
        Encode(state, response);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* ChunkStorageServiceImpl::GetStatistics(
    grpc::CallbackServerContext* context,
    const v1::GetStatisticsRequest* request,
    v1::GetStatisticsResponse* response) {
  return dispatcher_->Serve(
      context, [=, this](const Call& call) -> absl::Status {
        ASSIGN_OR_RETURN(const DatastoreRef datastore,
                         FromProto(request->datastore()));
        ASSIGN_OR_RETURN(const StoreStatistics statistics,
                         repository_->Statistics(call, datastore));
        Encode(statistics, response);
        return absl::OkStatus();
      });
}

}  // namespace cairn::chunk_storage
